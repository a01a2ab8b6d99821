/**
 * SCEP between our client's and our authority's code, without a network; then what attackers send instead.
 *
 * Mutation seen red: PKCSReq under a certificate of ours not taken for a renewal; weak algorithms admitted always, not
 * marked, or opened before they are refused; issuers of queries not compared; verifyIssued left out for renewals; no comparison of the signer's key with the requested
 * one; signature of message or of request not verified; a content key of the wrong length answered with badAlg.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError, systemClock as clock, systemRandom as random } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import { nameOf } from './certificate-names.ts';
import { readCertificate, toPem } from './certificates.ts';
import { writeCrl } from './crl.ts';
import { encode } from './der.ts';
import { createAuthority, issueCertificate } from './issue.ts';
import { openScepEnvelope, sealScepEnvelope } from './scep-envelope.ts';
import {
  checkScepSignature,
  parseScepMessage,
  readCertificates,
  readCrls,
  ScepFault,
  writeScepMessage,
} from './scep-message.ts';
import type { ScepFailInfo, ScepRequestType } from './scep-attributes.ts';
import type { ScepSigner } from './scep-message.ts';
import { writeIssuerAndSerial, writeIssuerAndSubject } from './scep-query.ts';
import { readCertificationRequest, writeCertificationRequest, writeSelfSigned } from './scep-request.ts';
import { answerScep } from './scep-server.ts';
import type { ScepPolicy, ScepRequest } from './scep-server.ts';

const domain = 'alpha.test';
const { key, authority } = await createAuthority({ domain, clock, random, validityDays: 10 });
const own = { authority, key, clock, random };
const ownCertificate = new X509Certificate(authority.der);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const subject = { name: 'te1', role: 'te' as Role, domain };
const selfSigned: ScepSigner = {
  key: rsa,
  certificate: writeSelfSigned({ ...subject, key: rsa, now: clock.now(), random }),
};
const issued = await issue(ec.publicKey);
const request = writeCertificationRequest({ ...subject, key: rsa, challengePassword: 'a token' });
const attributes = { messageType: 'PKCSReq', transactionId: 'abc', senderNonce: random.bytes(16) } as const;
const message = sent({});

const folder = mkdtempSync(join(tmpdir(), 'mom4c-scep-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a request reaches the authority as it was made, and its answer the sender', async () => {
  const { asked, reply } = await answer(message);
  assert.deepEqual(asked?.subject, subject);
  assert.equal(asked?.challengePassword, 'a token');
  assert.equal(asked?.renews, undefined);
  const parsed = parseScepMessage(reply);
  checkScepSignature(parsed, ownCertificate);
  assert.equal(parsed.attributes.transactionId, 'abc');
  assert.deepEqual(parsed.attributes.recipientNonce, Buffer.from(attributes.senderNonce));
  assert.deepEqual(readCertificates(opened(parsed.envelope!, selfSigned)), [Buffer.from(issued)]);
});

test('a renewal under P-256 is answered by key agreement', async () => {
  const signer = { key: ec.privateKey, certificate: issued };
  const renewal = sent({ signer, type: 'RenewalReq' });
  const { asked, reply } = await answer(renewal);
  assert.equal(asked?.renews?.name, 'te1');
  const { envelope } = parseScepMessage(reply);
  assert.deepEqual(readCertificates(opened(envelope!, signer)), [Buffer.from(issued)]);
});

test('openssl verifies our messages and opens our envelopes, of both kinds', () => {
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const pem = (one: KeyObject) => one.export({ type: 'pkcs8', format: 'pem' }).toString();
  const signer = file('signer.pem', toPem('CERTIFICATE', selfSigned.certificate));
  const signed = file('message.p7', message);
  const content = openssl(
    'cms',
    '-verify',
    '-inform',
    'DER',
    '-in',
    signed,
    '-CAfile',
    signer,
    '-purpose',
    'any',
    '-binary',
  );
  assert.deepEqual(content, parseScepMessage(message).envelope);
  for (const [name, holder] of [
    ['rsa', selfSigned],
    ['ec', { key: ec.privateKey, certificate: issued }],
  ] as const) {
    const envelope = file(
      `${name}.p7`,
      sealScepEnvelope(request, new X509Certificate(holder.certificate), random),
    );
    const keys = [
      '-inkey',
      file(`${name}.key`, pem(holder.key)),
      '-recip',
      file(`${name}.pem`, toPem('CERTIFICATE', holder.certificate)),
    ];
    assert.deepEqual(openssl('cms', '-decrypt', '-inform', 'DER', '-in', envelope, ...keys), request);
  }
  assert.match(
    openssl(
      'req',
      '-inform',
      'DER',
      '-in',
      file('request.der', request),
      '-noout',
      '-verify',
      '-subject',
    ).toString(),
    /te1/,
  );
});

test('a request that another key has signed is refused', async () => {
  const foreign = writeCertificationRequest({ ...subject, key: otherRsa, challengePassword: 'a token' });
  await refused(sent({ content: foreign }), 'badMessageCheck');

  // The public key of one, the signature of another.
  const [mine, theirs] = [request, foreign].map((der) => Buffer.from(der)) as [Buffer, Buffer];
  theirs.copy(mine, mine.length - 256, theirs.length - 256);
  await refused(sent({ content: mine }), 'badMessageCheck');
  assert.throws(() => readCertificationRequest(mine), isCode('M4C_MALFORMED'));
});

test('a renewal by anybody but a holder of our certificates is refused before its envelope is opened', async () => {
  await refused(sent({ type: 'RenewalReq' }), 'badCertID');
  const stranger = await createAuthority({ domain, clock, random, validityDays: 10 });
  const forged = await issue(ec.publicKey, stranger);
  await refused(
    sent({ type: 'RenewalReq', signer: { key: ec.privateKey, certificate: forged } }),
    'badCertID',
  );
  // Our certificate, but without its key: both kinds of key.
  await refused(sent({ type: 'RenewalReq', signer: { key: rsa, certificate: issued } }), 'badAlg');
  const thief = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  await refused(sent({ type: 'RenewalReq', signer: { key: thief, certificate: issued } }), 'badMessageCheck');
});

test('a PKCSReq under a certificate of ours is a renewal, and needs all that a renewal needs', async () => {
  const signer = { key: ec.privateKey, certificate: issued };
  assert.equal((await answer(sent({ signer }))).asked?.renews?.name, 'te1');
  const later = { ...clock, now: () => Date.now() + 2 * 86_400_000 };
  const expired = await answerScep(sent({ signer }), { ...own, clock: later }, policy(never));
  assert.equal(expired.fault?.failInfo, 'badCertID');
  const stranger = await createAuthority({ domain, clock, random, validityDays: 10 });
  const forged = await issue(ec.publicKey, stranger);
  await refused(sent({ signer: { key: ec.privateKey, certificate: forged } }), 'badCertID');
});

test('what 3DES protects is not even opened, unless such a request is awaited; then it is marked', async () => {
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const recipient = file('authority.pem', authority.pem);
  const plain = file('weak.der', request);
  const encrypt = (cipher: string) =>
    execFileSync('openssl', [
      'cms',
      '-encrypt',
      '-binary',
      cipher,
      '-outform',
      'DER',
      '-in',
      plain,
      recipient,
    ]);
  const weak = writeScepMessage(attributes, encrypt('-des3'), selfSigned);
  const strong = writeScepMessage(attributes, encrypt('-aes256'), selfSigned);

  const seen: [string, boolean][] = [];
  const certify = async ({ algorithms, weak: isWeak }: ScepRequest) => {
    seen.push([algorithms, isWeak]);
    return issued;
  };
  const admitting = policy(certify, { admitsWeak: () => true });
  for (const octets of [weak, strong])
    assert.equal((await answerScep(octets, own, admitting)).fault, undefined);
  assert.deepEqual(seen, [
    ['3DES, sha256', true],
    ['AES-256, sha256', false],
  ]);
  // Garbled as well: it would be another fault if its padding had been looked at.
  for (const octets of [weak, writeScepMessage(attributes, garbled(encrypt('-des3')), selfSigned)]) {
    const { fault } = await answerScep(octets, own, policy(certify));
    assert.deepEqual(
      [fault?.failInfo, fault?.message],
      ['badAlg', '3DES is too weak without a token that allows it'],
    );
  }
  assert.equal(seen.length, 2);
});

test('GetCRL names a certificate of ours and gets the list; CertPoll gets what is decided, or PENDING', async () => {
  const list = await writeCrl({
    ...{ authority, authorityKey: key, number: 7, thisUpdate: Date.now(), nextUpdate: Date.now() + 60_000 },
    revoked: [{ serial: readCertificate(issued).serial, at: Date.now(), reason: 'keyCompromise' }],
  });
  const signer = { key: ec.privateKey, certificate: issued };
  const query = (messageType: ScepRequestType, content: Buffer, as = signer as ScepSigner) =>
    writeScepMessage({ ...attributes, messageType }, sealScepEnvelope(content, ownCertificate, random), as);
  const asked: unknown[] = [];
  const answering = policy(never, {
    async crl(certificate) {
      asked.push(certificate.serial);
      return list;
    },
    async poll({ transactionId }) {
      asked.push(transactionId);
      return asked.length < 3 ? undefined : issued;
    },
  });
  const replyTo = async (octets: Buffer, as: ScepSigner = signer) => {
    const { reply, fault } = await answerScep(octets, own, answering);
    const { attributes: given, envelope } = parseScepMessage(reply);
    const status = given.messageType === 'CertRep' ? given.pkiStatus : undefined;
    return { status, fault, content: envelope && opened(envelope, as) };
  };

  const { issuer, serial } = readCertificate(issued);
  const found = await replyTo(query('GetCRL', writeIssuerAndSerial({ issuer, serial })));
  assert.deepEqual(readCrls(found.content!), [Buffer.from(list)]);
  const poll = query(
    'CertPoll',
    writeIssuerAndSubject({ issuer: authority.subject, subject: issuer }),
    selfSigned,
  );
  assert.deepEqual(await replyTo(poll), { status: 'PENDING', fault: undefined, content: undefined });
  const decided = await replyTo(poll, selfSigned);
  assert.deepEqual([decided.status, readCertificates(decided.content!)], ['SUCCESS', [Buffer.from(issued)]]);
  assert.deepEqual(asked, [serial, 'abc', 'abc']);

  const foreign = encode(nameOf({ CN: 'ca', OU: 'ca', O: 'beta.test' })).toString('hex');
  for (const octets of [
    query('GetCRL', writeIssuerAndSerial({ issuer: foreign, serial })),
    query('CertPoll', writeIssuerAndSubject({ issuer: foreign, subject: foreign })),
    query('GetCRL', writeIssuerAndSerial({ issuer, serial }), selfSigned),
  ])
    assert.equal((await replyTo(octets)).fault?.failInfo, 'badCertID');
  assert.equal((await replyTo(query('GetCRL', Buffer.from('nothing')))).fault?.failInfo, 'badMessageCheck');
  assert.equal(
    (await replyTo(query('GetCert', writeIssuerAndSerial({ issuer, serial })))).fault?.failInfo,
    'badRequest',
  );
  assert.equal(asked.length, 3);
});

test('an expired certificate renews nothing', async () => {
  const later = { ...clock, now: () => Date.now() + 2 * 86_400_000 };
  const renewal = sent({ signer: { key: ec.privateKey, certificate: issued }, type: 'RenewalReq' });
  assert.equal(
    (await answerScep(renewal, { ...own, clock: later }, policy(never))).fault?.failInfo,
    'badCertID',
  );
});

test('whatever is wrong with an envelope, the answer is the same', async () => {
  const good = parseScepMessage(message).envelope!;
  const changed = (at: number): Buffer =>
    Buffer.concat([good.subarray(0, at), Buffer.from([good[at]! ^ 1]), good.subarray(at + 1)]);
  const encryptedKey = good.indexOf(Buffer.from('04820180', 'hex')) + 20;
  const reasons = new Set<string>();
  for (const envelope of [
    changed(encryptedKey), // PKCS #1 padding
    changed(good.length - 1), // CBC padding
    changed(good.length - 40), // a garbled request
    sealScepEnvelope(Buffer.from('no request'), ownCertificate, random),
    sealScepEnvelope(request, new X509Certificate(selfSigned.certificate), random), // for somebody else
  ]) {
    const { fault } = await answer(writeScepMessage(attributes, envelope, selfSigned));
    reasons.add(`${fault?.failInfo} ${fault?.message} ${fault?.text}`);
  }
  assert.deepEqual([...reasons], ['badMessageCheck the envelope cannot be read undefined']);
});

test('a cipher or digest that is not on the list is refused as such', async () => {
  const replaceOid = (der: Buffer, from: string, to: string): Buffer =>
    Buffer.from(der.toString('hex').replaceAll(from, to), 'hex');
  const aes128 = '0609608648016503040102';
  // AES in another mode, and SHA-224: DES and SHA-1 have shorter identifiers, but are as little on the lists.
  const envelope = replaceOid(parseScepMessage(message).envelope!, aes128, '0609608648016503040103');
  await refused(writeScepMessage(attributes, envelope, selfSigned), 'badAlg');
  const digest = replaceOid(message, '0609608648016503040201', '0609608648016503040204');
  assert.equal((await answer(digest)).fault?.failInfo, 'badAlg');
});

test('a key that is too small or too large is refused', async () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const certificate = writeSelfSigned({ ...subject, key: small, now: clock.now(), random });
  await refused(sent({ signer: { key: small, certificate } }), 'badAlg');
  assert.throws(
    () => readCertificationRequest(writeCertificationRequest({ ...subject, key: small })),
    isCode('M4C_MALFORMED'),
  );
});

test('a changed message is refused or means the same; nothing else happens', async () => {
  const mutation = fc.tuple(
    fc.nat(message.length - 1),
    fc.integer({ min: 1, max: 255 }),
    fc.constantFrom('flip', 'cut', 'insert'),
  );
  const property = fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
    const octets = mutations.reduce((now, [at, value, kind]) => mutate(now, at, value, kind), message);
    const outcome = await answer(octets).catch((error: unknown) => error);
    if (outcome instanceof Mom4cError) return assert.equal(outcome.code, 'M4C_MALFORMED');
    const { asked, fault } = outcome as Awaited<ReturnType<typeof answer>>;
    if (fault) return assert.ok(fault instanceof ScepFault);
    assert.deepEqual([asked?.subject, asked?.challengePassword], [subject, 'a token']);
  });
  await fc.assert(property, { numRuns: 300 });
});

test('a changed envelope or request under a good signature is refused; nothing else happens', async () => {
  const envelope = parseScepMessage(message).envelope!;
  const property = fc.asyncProperty(
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
    fc.boolean(),
    async (at, value, inside) => {
      const changed = inside
        ? sealScepEnvelope(mutate(request, at % request.length, value, 'flip'), ownCertificate, random)
        : mutate(envelope, at % envelope.length, value, 'flip');
      const { asked, fault } = await answer(writeScepMessage(attributes, changed, selfSigned));
      // A version number is read past.
      if (!fault) return assert.deepEqual(asked?.subject, subject);
      assert.match(fault.failInfo, /^bad(MessageCheck|Alg)$/);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

// --- helpers --------------------------------------------------------------------------------------------------

function issue(
  publicKey: KeyObject,
  from: { key: KeyObject; authority: typeof authority } = { key, authority },
): Promise<Uint8Array> {
  return issueCertificate({
    authority: from.authority,
    authorityKey: from.key,
    publicKey,
    ...subject,
    addresses: ['te1@alpha.test'],
    notBefore: Date.now() - 60_000,
    notAfter: Date.now() + 86_400_000,
    random,
  });
}

function sent(options: { content?: Buffer; signer?: ScepSigner; type?: 'PKCSReq' | 'RenewalReq' }): Buffer {
  const { content = request, signer = selfSigned, type = 'PKCSReq' } = options;
  return writeScepMessage(
    { ...attributes, messageType: type },
    sealScepEnvelope(content, ownCertificate, random),
    signer,
  );
}

async function answer(octets: Uint8Array) {
  let asked: ScepRequest | undefined;
  const given = await answerScep(
    octets,
    own,
    policy(async (request) => {
      asked = request;
      return issued;
    }),
  );
  return { ...given, asked };
}

async function never(): Promise<never> {
  throw new Error('it was accepted');
}

function policy(certify: ScepPolicy['certify'], more: Partial<ScepPolicy> = {}): ScepPolicy {
  return { admitsWeak: () => false, certify, poll: never, crl: never, ...more };
}

function opened(envelope: Buffer, signer: ScepSigner): Buffer {
  return openScepEnvelope(envelope, signer, random, () => {}).content;
}

async function refused(octets: Uint8Array, failInfo: ScepFailInfo): Promise<void> {
  const { fault, reply } = await answerScep(octets, own, policy(never));
  assert.equal(fault?.failInfo, failInfo, fault?.message);
  const parsed = parseScepMessage(reply);
  checkScepSignature(parsed, ownCertificate);
  assert.ok(parsed.attributes.messageType === 'CertRep' && parsed.attributes.pkiStatus === 'FAILURE');
  assert.equal(parsed.attributes.failInfo, failInfo);
  assert.equal(parsed.envelope, undefined);
}

function mutate(octets: Buffer, at: number, value: number, kind: string): Buffer {
  const [before, rest] = [octets.subarray(0, at), octets.subarray(at)];
  if (kind === 'cut') return Buffer.concat([before, rest.subarray(1)]);
  if (kind === 'insert') return Buffer.concat([before, Buffer.from([value]), rest]);
  return rest.length === 0
    ? octets
    : Buffer.concat([before, Buffer.from([rest[0]! ^ value]), rest.subarray(1)]);
}

function garbled(envelope: Buffer): Buffer {
  return mutate(envelope, envelope.length - 1, 1, 'flip');
}

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Mom4cError && error.code === code;
}
