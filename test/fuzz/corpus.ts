/** The domain that the cryptographic targets live in: see `make-corpus.ts`. */
import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate, CertificateDirectory, SessionKey } from '@mom4c/core';
import { readAuthority, readCertificate } from '@mom4c/pki';
import { COMMAND, NOW, SESSION_KEY } from './constants.ts';
import { seededRandom } from './seeded-random.ts';

const FILE = join(import.meta.dirname, 'corpus.json');
const corpus = JSON.parse(readFileSync(FILE, 'utf8')) as Readonly<Record<string, string>>;

export function octetsOf(name: string): Buffer {
  const base64 = corpus[name];
  if (base64 === undefined) throw new Error(`${FILE} has no ${name}`);
  return Buffer.from(base64, 'base64');
}

/** All whose name begins so. */
export function allOf(prefix: string): Buffer[] {
  return Object.keys(corpus)
    .filter((name) => name.startsWith(prefix))
    .map(octetsOf);
}

export function keyOf(owner: string): KeyObject {
  return createPrivateKey({ key: octetsOf(`key ${owner}`), format: 'der', type: 'pkcs8' });
}

const memberOf = (owner: string): { key: KeyObject; certificate: Certificate } => ({
  key: keyOf(owner),
  certificate: readCertificate(octetsOf(`certificate ${owner}`)),
});

export const authority = readAuthority(octetsOf('certificate authority'));
export const cm1 = memberOf('cm1');
export const te1 = memberOf('te1');
export const te2 = memberOf('te2');
export const clock = { now: () => NOW };
export const command = Buffer.from(JSON.stringify(COMMAND));
export const sessionKey: SessionKey = {
  id: SESSION_KEY.id,
  key: createSecretKey(Buffer.from(SESSION_KEY.key, 'hex')),
};
export const findKey = (id: string): SessionKey | undefined =>
  id === sessionKey.id ? sessionKey : undefined;

export const directory: Pick<CertificateDirectory, 'byIssuerAndSerial'> = {
  async byIssuerAndSerial(issuer, serial) {
    return [cm1, te1, te2]
      .map(({ certificate }) => certificate)
      .find((certificate) => certificate.issuer === issuer && certificate.serial === serial);
  },
};

/** The same octets in each process. What a target draws follows from the order of its inputs; nothing depends on it. */
const drawn = seededRandom('targets');
export const random = { bytes: (count: number): Uint8Array => drawn.octets(count) };
