/** Real keys and certificates for the tests of this package, and openssl as the oracle. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificate, type CertificateDirectory, type Role, systemRandom } from '@mom4c/core';
import { type Authority, readCertificate, toPem } from './certificates.ts';
import { createAuthority, issueCertificate } from './issue.ts';

export type Member = { readonly key: KeyObject; readonly certificate: Certificate };

/** Noon of some day; openssl, as the oracle, is told the same. */
export const NOW = Date.UTC(2026, 5, 1, 12);
export const HOUR = 3_600_000;
export const clock = { now: () => NOW };

export type TestDomain = {
  readonly authority: Authority;
  readonly authorityKey: KeyObject;
  issue(name: string, role: Role, kind: 'ec' | 'rsa'): Promise<Member>;
};

export async function makeDomain(domain = 'alpha.test'): Promise<TestDomain> {
  const { key: authorityKey, authority } = await createAuthority({
    domain,
    clock,
    random: systemRandom,
    validityDays: 30,
  });
  return {
    authority,
    authorityKey,
    async issue(name, role, kind) {
      const { publicKey, privateKey } = makeKeys(kind);
      const own = `${name}@${domain}`;
      const der = await issueCertificate({
        authority,
        authorityKey,
        publicKey,
        name,
        role,
        domain,
        addresses: role === 'server' ? [] : role === 'cm' ? [own, `cm@${domain}`] : [own],
        dns: role === 'server' ? [`${name}.${domain}`] : [],
        notBefore: NOW - HOUR,
        notAfter: NOW + HOUR,
        random: systemRandom,
      });
      return { key: privateKey, certificate: readCertificate(der) };
    },
  };
}

export function makeKeys(kind: 'ec' | 'rsa'): { publicKey: KeyObject; privateKey: KeyObject } {
  return kind === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

export function directoryOf(...certificates: Certificate[]): Pick<CertificateDirectory, 'byIssuerAndSerial'> {
  return {
    async byIssuerAndSerial(issuer, serial) {
      return certificates.find(
        (certificate) => certificate.issuer === issuer && certificate.serial === serial,
      );
    },
  };
}

export type Openssl = {
  /** Writes a file into the folder. @returns its path */
  file(name: string, content: Uint8Array | string): string;
  /** Runs openssl there. @returns what it printed @throws Error with what it said, if it failed */
  run(...args: string[]): Buffer;
  remove(): void;
};

export function openssl(): Openssl {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-pki-'));
  return {
    file(name, content) {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    },
    run: (...args) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export const pemOf = (certificate: Certificate): string => toPem('CERTIFICATE', certificate.der);
export const pemOfKey = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString();
export const attime = (): string[] => ['-attime', String(NOW / 1000)];

/** What `assert.rejects` and `assert.throws` compare an error with. */
export const fault = (code: string): { name: string; code: string } => ({ name: 'Mom4cError', code });
