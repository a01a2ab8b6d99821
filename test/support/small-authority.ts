/** An authority of a domain and certificates of it, as files: for tests of single servers. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import type { TlsFiles } from '@mom4c/lab';
import { createAuthority, issueCertificate, toPem } from '@mom4c/pki';

/** PEM texts, and the same as files. */
export type Issued = { readonly cert: string; readonly key: string; readonly ca: string; files: TlsFiles };

export type SmallAuthority = {
  /** @param ips of a server */
  issue(name: string, role: Role, ips?: readonly string[]): Promise<Issued>;
};

/** @param folder where the files are made */
export async function smallAuthority(folder: string, domain: string): Promise<SmallAuthority> {
  const made = await createAuthority({ domain, clock: systemClock, random: systemRandom, validityDays: 2 });
  return {
    async issue(name, role, ips = ['127.0.0.1']) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const now = systemClock.now();
      const server = role === 'server';
      const der = await issueCertificate({
        authority: made.authority,
        authorityKey: made.key,
        publicKey,
        name,
        role,
        domain,
        random: systemRandom,
        addresses: server ? [] : [`${name}@${domain}`],
        ...(server && { dns: [domain, `conference.${domain}`, 'localhost'], ips: [...ips] }),
        notBefore: now - 60_000,
        notAfter: now + 3_600_000,
      });
      const own = mkdtempSync(join(folder, `${name}-`));
      const texts = {
        cert: toPem('CERTIFICATE', der),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        ca: made.authority.pem,
      };
      const write = (file: keyof typeof texts): string => {
        writeFileSync(join(own, `${file}.pem`), texts[file], { mode: 0o600 });
        return join(own, `${file}.pem`);
      };
      return { ...texts, files: { cert: write('cert'), key: write('key'), ca: write('ca') } };
    },
  };
}
