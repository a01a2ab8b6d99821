/**
 * `npm run bench -- cms [--json FILE]`: what signing, verifying, sealing and opening one letter of 1.5 kB cost, beside
 * what node:crypto needs for the bare signature in the same run. One thread; no server.
 */
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { systemClock, systemRandom } from '@mom4c/core';
import type { Certificate, CertificateDirectory } from '@mom4c/core';
import { newSessionKey } from '@mom4c/messaging';
import {
  createAuthority,
  createOpener,
  createSealer,
  createSigner,
  createVerifier,
  issueCertificate,
  readCertificate,
} from '@mom4c/pki';
import type { Identity } from '@mom4c/pki';
import { measure, tableOf } from './measure.ts';
import type { Operation } from './measure.ts';

const DOMAIN = 'alpha.test';
const CONTENT_OCTETS = 1536;
const HOUR = 3_600_000;

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const content = randomBytes(CONTENT_OCTETS);
const { key: authorityKey, authority } = await createAuthority({
  domain: DOMAIN,
  clock: systemClock,
  random: systemRandom,
  validityDays: 1,
});
const members = { 'P-256': await issue('te1', 'P-256'), 'RSA-2048': await issue('te2', 'RSA-2048') };
const directory = directoryOf(Object.values(members).map(({ certificate }) => certificate));

const figures = await measure([
  ...(await operationsOf('P-256')),
  ...(await operationsOf('RSA-2048')),
  ...(await operationsUnderKey()),
]);
console.log(tableOf(figures));
if (values.json !== undefined) {
  const about = { node: process.version, cpu: cpus()[0]?.model, contentOctets: CONTENT_OCTETS };
  writeFileSync(values.json, `${JSON.stringify({ ...about, figures }, undefined, 2)}\n`);
}

type Kind = keyof typeof members;

async function operationsOf(kind: Kind): Promise<Operation[]> {
  const identity = members[kind];
  const signer = createSigner(identity);
  const verifier = createVerifier({ directory, authority, clock: systemClock });
  const sealer = createSealer(systemRandom);
  const opener = createOpener(identity);
  const bare = sign('sha256', content, identity.key);
  const signed = await signer.signEnclosed(content);
  const sealed = await sealer.sealTo(content, [identity.certificate]);
  const bareSign = `bare sign ${kind}`;
  const bareVerify = `bare verify ${kind}`;
  return [
    { name: bareSign, baseline: bareSign, run: () => sign('sha256', content, identity.key) },
    {
      name: bareVerify,
      baseline: bareVerify,
      run: () => verify('sha256', content, identity.certificate.publicKey, bare),
    },
    { name: `sign ${kind}`, baseline: bareSign, run: () => signer.signEnclosed(content) },
    { name: `verify ${kind}`, baseline: bareVerify, run: () => verifier.verify(signed) },
    {
      name: `seal to ${kind}`,
      baseline: bareSign,
      run: () => sealer.sealTo(content, [identity.certificate]),
    },
    { name: `open as ${kind}`, baseline: bareVerify, run: () => opener.open(sealed, () => undefined) },
  ];
}

async function operationsUnderKey(): Promise<Operation[]> {
  const key = newSessionKey(systemRandom);
  const sealer = createSealer(systemRandom);
  const opener = createOpener(members['P-256']);
  const sealed = await sealer.sealUnder(content, key);
  return [
    {
      name: 'seal under room key',
      baseline: 'bare sign P-256',
      run: () => sealer.sealUnder(content, key),
    },
    {
      name: 'open under room key',
      baseline: 'bare verify P-256',
      run: () => opener.open(sealed, (id) => (id === key.id ? key : undefined)),
    },
  ];
}

async function issue(name: string, kind: 'P-256' | 'RSA-2048'): Promise<Identity> {
  const { publicKey, privateKey } =
    kind === 'P-256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const now = systemClock.now();
  const der = await issueCertificate({
    authority,
    authorityKey,
    publicKey,
    name,
    role: 'te',
    domain: DOMAIN,
    addresses: [`${name}@${DOMAIN}`],
    dns: [],
    notBefore: now - HOUR,
    notAfter: now + HOUR,
    random: systemRandom,
  });
  return { key: privateKey, certificate: readCertificate(der) };
}

/** As the cache of the directory answers when it is warm. */
function directoryOf(certificates: readonly Certificate[]): Pick<CertificateDirectory, 'byIssuerAndSerial'> {
  const bySerial = new Map(certificates.map((each) => [`${each.issuer} ${each.serial}`, each]));
  return { byIssuerAndSerial: async (issuer, serial) => bySerial.get(`${issuer} ${serial}`) };
}
