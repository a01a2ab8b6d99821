/** Certificates for attacks: by any authority, for anybody, of any time, and in the directory if a test puts them there. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@mom4c/core';
import type { Certificate, Random, Role } from '@mom4c/core';
import { createDirectoryPublisher, issueCertificate, readCertificate, toPem } from '@mom4c/pki';
import type { Authority, Identity, Keystore } from '@mom4c/pki';
import type { Range } from './attack-range.ts';
import { silent } from './hostile-client.ts';

type Change = Partial<{
  name: string;
  role: Role;
  domain: string;
  addresses: readonly string[];
  /** For role `server`. */
  dns: readonly string[];
  notBefore: number;
  notAfter: number;
  random: Random;
}>;

/** As `like` says, but for what is changed, with a fresh key. */
export async function issue(
  like: Keystore,
  authority: Authority,
  authorityKey: Keystore['key'],
  change: Change = {},
): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { name, role, domain, addresses, notBefore, notAfter } = like.certificate;
  const der = await issueCertificate({
    ...{ name, role, domain, addresses, notBefore },
    notAfter: Math.min(notAfter, authority.notAfter),
    random: systemRandom,
    ...change,
    ...{ authority, authorityKey, publicKey },
  });
  return { key: privateKey, certificate: readCertificate(der) };
}

/** With the serial number of another certificate. */
export const sameSerial = ({ certificate }: Keystore): Change => ({
  random: { bytes: () => Buffer.from(certificate.serial, 'hex') },
});

/** Signs as that very certificate, by number and hash, but with a key of its own. */
export function underOtherKey({ certificate }: Keystore): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: privateKey, certificate: { ...certificate, publicKey } };
}

/** CMS SignedData by the openssl command. With `-cades` it has all that we demand. */
export function opensslSign({ key, certificate }: Identity, content: string, ...flags: string[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-openssl-'));
  try {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const signer = file('signer.pem', toPem('CERTIFICATE', certificate.der));
    const inkey = file('signer.key', key.export({ type: 'pkcs8', format: 'pem' }).toString());
    const form = ['-binary', '-nodetach', '-nocerts', '-md', 'sha256', '-outform', 'DER'];
    const files = ['-signer', signer, '-inkey', inkey, '-in', file('content', content)];
    return execFileSync('openssl', ['cms', '-sign', ...form, ...files, ...flags], { stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** By the domain's own authority and in its directory, as only a mistake or a thief of its key could bring it there. */
export async function published<Result>(
  range: Range,
  like: Keystore,
  change: Change,
  use: (identity: Identity) => Promise<Result>,
): Promise<Result> {
  const { authority, domain } = range;
  const identity = await issue(like, authority.authority, authority.key, change);
  const own = { addresses: [`ca@${domain.name}`] };
  const writer = await issue(authority, authority.authority, authority.key, own);
  const publisher = createDirectoryPublisher({
    ...domain.describe().ldap,
    ...{ authority: authority.authority, identity: writer, clock: systemClock, log: silent },
  });
  // An entry has an address, whether its certificate names one or not.
  const inDirectory: Certificate = { ...identity.certificate, addresses: [`rogue@${domain.name}`] };
  try {
    await publisher.publish(inDirectory);
    return await use(identity);
  } finally {
    await publisher.unpublish(inDirectory);
    await publisher.close();
  }
}
