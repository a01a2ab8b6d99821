/** Fakes behind core's ports, for unit tests of this package only: "signing" is a visible stamp, "sealing" an address. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { Mom4cError } from '@mom4c/core';
import type { Certificate, Clock, Opener, Role, Sealer, Signer, Verifier } from '@mom4c/core';
import type { FloorStore } from './freshness.ts';

const publicKey = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

export function fakeCertificate(name: string, role: Role, addresses = [`${name}@alpha.test`]): Certificate {
  return {
    der: Buffer.from(name),
    name,
    role,
    domain: 'alpha.test',
    addresses,
    issuer: 'ca',
    serial: name,
    notBefore: 0,
    notAfter: Number.MAX_SAFE_INTEGER,
    fingerprint: name,
    publicKey,
  };
}

export function settableClock(start: number): Clock & { set(now: number): void } {
  let now = start;
  return {
    now: () => now,
    monotonic: () => now,
    after: () => () => {},
    set: (to) => (now = to),
  };
}

export function memoryFloor(floor = 0): FloorStore & { floor: number } {
  const store = { floor, load: () => store.floor, save: (to: number) => void (store.floor = to) };
  return store;
}

type Stamped = { signer: string; content: string };
const read = (octets: Uint8Array): Stamped => JSON.parse(Buffer.from(octets).toString());
const write = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));

export function fakeSigner(certificate: Certificate): Signer {
  const stamp = (content: Uint8Array) =>
    write({ signer: certificate.name, content: Buffer.from(content).toString('base64') });
  return {
    certificate,
    signDetached: async (content) => stamp(content),
    signEnclosed: async (content) => stamp(content),
  };
}

export function fakeVerifier(known: readonly Certificate[]): Verifier {
  return {
    async verify(signedData) {
      const { signer, content } = read(signedData);
      const certificate = known.find((candidate) => candidate.name === signer);
      if (!certificate) throw new Mom4cError('M4C_CERTIFICATE_UNKNOWN');
      return { signer: certificate, content: Buffer.from(content, 'base64') };
    },
  };
}

export const fakeSealer: Sealer = {
  sealTo: async (content, recipients) =>
    write({
      signer: recipients.map((one) => one.name).join(),
      content: Buffer.from(content).toString('base64'),
    }),
  sealUnder: async (content, key) =>
    write({ signer: key.id, content: Buffer.from(content).toString('base64') }),
};

export function fakeOpener(own: string): Opener {
  return {
    async open(sealed, findKey) {
      const { signer, content } = read(sealed);
      if (!signer.split(',').includes(own) && !findKey(signer)) throw new Mom4cError('M4C_CANNOT_OPEN');
      return Buffer.from(content, 'base64');
    },
  };
}
