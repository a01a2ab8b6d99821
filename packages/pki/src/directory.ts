/**
 * The certificates of a domain, as its authority has published them in LDAP. Tree: `cn=te1,ou=devices,<base>`, an
 * inetOrgPerson with `ou` (role), `labeledURI` (`xmpp:te1@alpha.test`, for a cluster manager `xmpp:cm@alpha.test` too)
 * and up to four `userCertificate;binary`. The server is not believed: what it returns is used only if the
 * authority has issued it, it is valid now, and it fits the question.
 */
import { EqualityFilter } from 'ldapts';
import type { Entry, Filter } from 'ldapts';
import { isBareJid, Mom4cError, ROLES } from '@mom4c/core';
import type { Certificate, CertificateDirectory, Clock } from '@mom4c/core';
import { AnswerCache } from './directory-cache.ts';
import { LookupBudget } from './lookup-budget.ts';
import { CertificateMemory } from './certificate-memory.ts';
import { certificatesOf, connectDirectory } from './directory-connection.ts';
import type { DirectoryConnection, DirectoryOptions } from './directory-connection.ts';
import type { Authority } from './certificates.ts';
import { readSubject } from './certificate-names.ts';
import { decode } from './der.ts';

export type LdapDirectory = CertificateDirectory & {
  /** As `byIssuerAndSerial`, but asked of the server now: for what is expected to change. */
  fetch(issuer: string, serial: string): Promise<Certificate | undefined>;
  /** For how many questions somebody had to wait for the server. */
  readonly lookups: number;
  /** How many questions were asked ahead, so that nobody had to. */
  readonly refreshes: number;
  close(): Promise<void>;
};

/** How long an answer is used again, in milliseconds: a certificate that was taken out of the directory must stop to
 *  count within minutes, and a node that has renewed its key must get mail under the new one soon. */
const KEEP = {
  serial: { ms: 300_000, nothingMs: 2_000 },
  address: { ms: 30_000, nothingMs: 2_000 },
  // Coalesced but not kept: who asks for everybody wants to know who is there now.
  role: { ms: 0, nothingMs: 0 },
} as const;
/** What is said in a room has no sender that anybody vouches for: all of it has one share. */
const UNKNOWN_ASKER = '';
/** Of one serial number or address; the latter has as many as a domain has managers. */
const MAX_HOLDERS = 64;
const MAX_SERIAL_DIGITS = 40;
const MAX_NAME_OCTETS = 1024;

export function createLdapDirectory(
  options: DirectoryOptions & { readonly clock: Clock },
  connection: Pick<DirectoryConnection, 'search' | 'close'> = connectDirectory(options),
): LdapDirectory {
  const { authority, base, clock } = options;
  const cache = new AnswerCache(clock);
  const budget = new LookupBudget(clock);
  const memory = new CertificateMemory(authority, clock);
  const tree = `ou=devices,${base}`;
  const issuerName = distinguishedName(authority);
  let asked = 0;

  const ask = (filter: Filter): Promise<Entry[]> => {
    asked += 1;
    return connection.search(tree, { scope: 'one', filter });
  };

  /** One or none. */
  const lookUp = async (issuer: string, serial: string): Promise<Certificate[]> => {
    const entries = await ask(exactMatch(serial, issuerName));
    if (entries.length > MAX_HOLDERS) throw misfit(`${entries.length} entries for one serial number`);
    const certificates = entries.flatMap(certificatesOf).map(memory.read);
    const wanted = certificates.filter((each) => each.issuer === issuer && each.serial === serial);
    if (entries.length > 0 && wanted.length === 0)
      throw misfit('an entry without the certificate that was asked for');
    return wanted.slice(0, 1).map(memory.verified);
  };

  // Whoever else has issued it, we could not verify it.
  const isOurs = (issuer: string, serial: string): boolean =>
    issuer === authority.subject && isSerial(serial);

  /** Those of an entry that have not expired, each verified. @throws Mom4cError M4C_CERTIFICATE_INVALID */
  const currentOf = (entry: Entry): Certificate[] =>
    certificatesOf(entry)
      .map(memory.read)
      .filter(({ notAfter }) => notAfter > clock.now())
      .map(memory.verified);

  return {
    get lookups() {
      return asked - cache.refreshes;
    },

    get refreshes() {
      return cache.refreshes;
    },

    async byIssuerAndSerial(issuer, serial, asker = UNKNOWN_ASKER) {
      if (!isOurs(issuer, serial)) return undefined;
      const [found] = await cache.get(`serial ${serial}`, KEEP.serial, async () => {
        budget.spend(asker);
        return lookUp(issuer, serial);
      });
      return found;
    },

    async fetch(issuer, serial) {
      return isOurs(issuer, serial) ? (await lookUp(issuer, serial))[0] : undefined;
    },

    byAddress(address) {
      if (!isBareJid(address)) return Promise.reject(new Mom4cError('M4C_MALFORMED', 'not an XMPP address'));
      return cache.get(`address ${address}`, KEEP.address, async () => {
        const entries = await ask(new EqualityFilter({ attribute: 'labeledURI', value: `xmpp:${address}` }));
        if (entries.length > MAX_HOLDERS) throw misfit(`${entries.length} entries for one address`);
        const current = entries.flatMap(currentOf);
        if (!current.every((each) => each.addresses.includes(address)))
          throw misfit('a certificate of another name');
        return newestFirst(current);
      });
    },

    byRole(role) {
      if (!ROLES.includes(role)) return Promise.reject(new Mom4cError('M4C_MALFORMED', 'not a role'));
      return cache.get(`role ${role}`, KEEP.role, async () => {
        const entries = await ask(new EqualityFilter({ attribute: 'ou', value: role }));
        const current = newestFirst(entries.flatMap(currentOf));
        if (current.some((each) => each.role !== role))
          throw misfit('an entry with a certificate of another role');
        return [...new Map(current.toReversed().map((each) => [each.name, each])).values()];
      });
    },

    close: () => connection.close(),
  };
}

function newestFirst(certificates: readonly Certificate[]): Certificate[] {
  return certificates.toSorted((a, b) => b.notBefore - a.notBefore || b.notAfter - a.notAfter);
}

/**
 * certificateExactMatch (RFC 4523 §2.1). Serial numbers are unique per issuer, and the issuer is always our authority:
 * the assertion still names it, since the rule demands it. ldapts escapes nothing in a filter object but sends the
 * value as it is, so there is nothing to inject into.
 */
function exactMatch(serial: string, issuerName: string): Filter {
  const value = `{ serialNumber ${BigInt(`0x${serial}`)}, issuer rdnSequence:"${issuerName}" }`;
  return new EqualityFilter({ attribute: 'userCertificate', value });
}

function isSerial(text: string): boolean {
  return text.length <= MAX_SERIAL_DIGITS && /^(?:[0-9a-f]{2})+$/.test(text);
}

/** The authority's subject in the form of RFC 4514. Its values are names and domains, which hold nothing to escape. */
function distinguishedName(authority: Authority): string {
  const { CN, OU, O } = readSubject(decode(Buffer.from(authority.subject, 'hex'), MAX_NAME_OCTETS));
  if (![CN, OU, O].every((value) => /^[A-Za-z0-9._-]+$/.test(value)))
    throw new Mom4cError(
      'M4C_CERTIFICATE_INVALID',
      'the name of the authority has characters that are not supported',
    );
  return `cn=${CN},ou=${OU},o=${O}`;
}

function misfit(detail: string): Mom4cError {
  return new Mom4cError('M4C_DIRECTORY_ENTRY', detail);
}
