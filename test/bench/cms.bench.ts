/**
 * `npm run bench -- cms [--json FILE]`: what signing, verifying, sealing and opening one letter of 1.5 kB cost, beside
 * what node:crypto needs for the bare signature in the same run. One thread; no server.
 */
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import type { Certificate, CertificateDirectory } from '@mom4c/core';
import { Freshness, Postbox, newSessionKey } from '@mom4c/messaging';
import type { PayloadOf } from '@mom4c/messaging';
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
/** More than a recipient remembers pair keys of. */
const STRANGERS = 5_000;

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
  ...(await operationsUnderKeys()),
  ...wholeLetters(),
]);
console.log(tableOf(figures));
if (values.json !== undefined) {
  const about = { node: process.version, cpu: cpus()[0]?.model, contentOctets: CONTENT_OCTETS };
  writeFileSync(values.json, `${JSON.stringify({ ...about, figures }, undefined, 2)}\n`);
}

type Kind = keyof typeof members;

/** Of a kind of key: the bare signature, ours, and a letter to a recipient who was not written to before. */
async function operationsOf(kind: Kind): Promise<Operation[]> {
  const identity = members[kind];
  const { certificate } = identity;
  const signer = createSigner(identity);
  const verifier = createVerifier({ directory, authority, clock: systemClock });
  const opener = createOpener(identity);
  const bare = sign('sha256', content, identity.key);
  const signed = await signer.signEnclosed(content);
  const sealFirst = () => createSealer(systemRandom).sealTo(content, [certificate]);
  const first = await Promise.all(Array.from({ length: kind === 'P-256' ? STRANGERS : 1 }, sealFirst));
  const [bareSign, bareVerify] = [`bare sign ${kind}`, `bare verify ${kind}`];
  let turn = 0;
  return [
    { name: bareSign, baseline: bareSign, run: () => sign('sha256', content, identity.key) },
    {
      name: bareVerify,
      baseline: bareVerify,
      run: () => verify('sha256', content, certificate.publicKey, bare),
    },
    { name: `sign ${kind}`, baseline: bareSign, run: () => signer.signEnclosed(content) },
    { name: `verify ${kind}`, baseline: bareVerify, run: () => verifier.verify(signed) },
    { name: `seal to ${kind}, first letter`, baseline: bareSign, run: sealFirst },
    {
      name: `open as ${kind}, first letter`,
      baseline: bareVerify,
      run: () => opener.open(first[turn++ % first.length]!, () => undefined),
    },
  ];
}

/** Under a key that both have already. */
async function operationsUnderKeys(): Promise<Operation[]> {
  const identity = members['P-256'];
  const recipients = [identity.certificate];
  const key = newSessionKey(systemRandom);
  const sealer = createSealer(systemRandom);
  const opener = createOpener(identity);
  const [inPair, inRoom] = [await sealer.sealTo(content, recipients), await sealer.sealUnder(content, key)];
  const findKey = (id: string) => (id === key.id ? key : undefined);
  const [out, back] = ['bare sign P-256', 'bare verify P-256'];
  return [
    { name: 'seal under pair key', baseline: out, run: () => sealer.sealTo(content, recipients) },
    { name: 'open under pair key', baseline: back, run: () => opener.open(inPair, findKey) },
    { name: 'seal under room key', baseline: out, run: () => sealer.sealUnder(content, key) },
    { name: 'open under room key', baseline: back, run: () => opener.open(inRoom, findKey) },
  ];
}

/** All that a postbox does to a payload, there and back: JSON, signature, seal, and each check. */
function wholeLetters(): Operation[] {
  const { certificate } = members['P-256'];
  const key = newSessionKey(systemRandom);
  const postbox = new Postbox({
    signer: createSigner(members['P-256']),
    verifier: createVerifier({ directory, authority, clock: systemClock }),
    sealer: createSealer(systemRandom),
    opener: createOpener(members['P-256']),
    freshness: new Freshness(systemClock, { load: () => 0, save: () => {} }),
    findKey: (id) => (id === key.id ? key : undefined),
  });
  const [from, to] = [certificate.addresses[0]!, `cm@${DOMAIN}`];
  const audience = { addresses: [to], rooms: [], name: 'cm1' };
  const result = { readings: content.subarray(0, (CONTENT_OCTETS * 3) / 4).toString('base64') };
  const payload = (): PayloadOf<'result'> => {
    const time = systemClock.now();
    const head = { id: uuidv7(systemClock, systemRandom), from, to, time, expires: time + HOUR };
    return { type: 'result', ...head, state: 'ok', result };
  };
  return [
    {
      name: 'letter out and in, pair key',
      baseline: 'bare verify P-256',
      run: async () => postbox.open(await postbox.sealTo(payload(), [certificate]), ['result'], audience),
    },
    {
      name: 'letter out and in, room key',
      baseline: 'bare verify P-256',
      run: async () => postbox.open(await postbox.sealUnder(payload(), key), ['result'], audience),
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
