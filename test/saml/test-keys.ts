/** Keys and certificates for the tests of SAML. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { systemClock, systemRandom } from '@mom4c/core';
import { createAuthority, issueCertificate, toPem } from '@mom4c/pki';
import type { SamlSigner } from '../support/saml-forge.ts';

export type TestKey = SamlSigner & {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** DER in base64. */
  readonly certificate: string;
};

const DOMAIN = 'federation.test';
const DAY = 86_400_000;
const made = await createAuthority({
  domain: DOMAIN,
  clock: systemClock,
  random: systemRandom,
  validityDays: 30,
});

/** RSA 2048 or P-256. */
export async function testKey(kind: 'rsa' | 'ec' = 'rsa'): Promise<TestKey> {
  const { publicKey, privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = systemClock.now();
  const der = await issueCertificate({
    authority: made.authority,
    authorityKey: made.key,
    publicKey,
    name: 'idp',
    role: 'server',
    domain: DOMAIN,
    addresses: [],
    dns: ['idp.federation.test'],
    ips: [],
    notBefore: now,
    notAfter: now + DAY,
    random: systemRandom,
  });
  return {
    key: privateKey,
    keyPem: pemOf(privateKey),
    certificatePem: toPem('CERTIFICATE', der),
    certificate: Buffer.from(der).toString('base64'),
  };
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
