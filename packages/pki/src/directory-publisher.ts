/** Writes certificates into the directory. The server lets the domain's authority alone do that. */
import { Attribute, Change } from 'ldapts';
import { isNodeName, Mom4cError } from '@mom4c/core';
import type { Certificate, Clock } from '@mom4c/core';
import { readCertificate } from './certificates.ts';
import { CERTIFICATE_ATTRIBUTE, certificatesOf, connectDirectory } from './directory-connection.ts';
import type { DirectoryOptions } from './directory-connection.ts';

/** Errors: M4C_DIRECTORY_UNREACHABLE, M4C_TLS, M4C_DIRECTORY_ENTRY. */
export type DirectoryPublisher = {
  /** Adds it to the entry of its name, first. Those before it stay until they expire, at most three. */
  publish(certificate: Certificate): Promise<void>;
  /** Takes it out, and the entry with it if it was the last one. */
  unpublish(certificate: Certificate): Promise<void>;
  close(): Promise<void>;
};

const MAX_CERTIFICATES = 4;

export function createDirectoryPublisher(
  options: DirectoryOptions & { readonly clock: Pick<Clock, 'now'> },
): DirectoryPublisher {
  const { base, clock } = options;
  const connection = connectDirectory(options);

  /** `undefined` if there is no entry. */
  const read = async (dn: string): Promise<Certificate[] | undefined> => {
    const [entry] = await connection.search(dn, { scope: 'base' });
    return entry && certificatesOf(entry).flatMap(readOwn);
  };

  const dnOf = ({ name }: Certificate): string => {
    // Such a name holds nothing that a DN (RFC 4514) would have to escape.
    if (!isNodeName(name)) throw new Mom4cError('M4C_CERTIFICATE_NAME', 'not a node name');
    return `cn=${name},ou=devices,${base}`;
  };

  return {
    async publish(certificate) {
      const dn = dnOf(certificate);
      const before = await read(dn);
      const attributes = attributesOf(certificate, [
        certificate,
        ...keep(before ?? [], certificate, clock.now()),
      ]);
      if (before === undefined) await connection.add(dn, attributes);
      else await connection.modify(dn, attributes.slice(2).map(replace));
    },

    async unpublish(certificate) {
      const dn = dnOf(certificate);
      const before = (await read(dn)) ?? [];
      const after = before.filter(({ fingerprint }) => fingerprint !== certificate.fingerprint);
      if (after.length === before.length) return;
      if (after.length === 0) await connection.remove(dn);
      else await connection.modify(dn, [replace(certificateAttribute(after))]);
    },

    close: () => connection.close(),
  };
}

/** What stays beside a new certificate: of the same role, not expired, newest first. */
function keep(before: readonly Certificate[], added: Certificate, now: number): Certificate[] {
  return before
    .filter(
      ({ fingerprint, notAfter, role }) =>
        fingerprint !== added.fingerprint && notAfter > now && role === added.role,
    )
    .toSorted((a, b) => b.notBefore - a.notBefore)
    .slice(0, MAX_CERTIFICATES - 1);
}

/** One that cannot be read is of no use to anybody and is not written again. */
function readOwn(der: Buffer): Certificate[] {
  try {
    return [readCertificate(der)];
  } catch {
    return [];
  }
}

/** The first two are for a new entry only. */
function attributesOf(certificate: Certificate, all: readonly Certificate[]): Attribute[] {
  const { name, role, addresses } = certificate;
  return [
    new Attribute({ type: 'objectClass', values: ['inetOrgPerson'] }),
    new Attribute({ type: 'cn', values: [name] }),
    new Attribute({ type: 'sn', values: [name] }),
    new Attribute({ type: 'ou', values: [role] }),
    new Attribute({ type: 'labeledURI', values: addresses.map((address) => `xmpp:${address}`) }),
    certificateAttribute(all),
  ];
}

function certificateAttribute(certificates: readonly Certificate[]): Attribute {
  return new Attribute({
    type: CERTIFICATE_ATTRIBUTE,
    values: certificates.map(({ der }) => Buffer.from(der)),
  });
}

function replace(modification: Attribute): Change {
  return new Change({ operation: 'replace', modification });
}
