/**
 * A directory that lies, against the client that every member has: over TLS, with a certificate of the domain's authority,
 * since only an insider gets so far. Each lie stands between two honest answers of the same server.
 */
// Mutations seen red: the guard before ldapts taken out; no limit of one message; none of the messages of one answer; the
// certificate not compared with what was asked for; an address not looked for in the certificate; many entries for one
// question taken; certificates of an entry not limited; expiry not looked at.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Mom4cError, systemClock, systemRandom } from '@mom4c/core';
import type { Certificate, ErrorCode } from '@mom4c/core';
import {
  createAuthority,
  createLdapDirectory,
  createSigner,
  createVerifier,
  issueCertificate,
  readCertificate,
} from '@mom4c/pki';
import type { Authority, Identity, LdapDirectory } from '@mom4c/pki';
import { silent } from '../support/hostile-client.ts';
import { ber, done, entry, message, openHostileDirectory, reference } from '../support/hostile-directory.ts';
import type { HostileDirectory } from '../support/hostile-directory.ts';

const MINUTE = 60_000;
const TE1 = 'te1@alpha.test';

let own: { authority: Authority; key: Identity['key'] };
let foreign: { authority: Authority; key: Identity['key'] };
let te1: Identity;
let te2: Identity;
let server: HostileDirectory;
let directory: LdapDirectory;

before(async () => {
  const made = { domain: 'alpha.test', clock: systemClock, random: systemRandom, validityDays: 1 };
  [own, foreign] = await Promise.all([createAuthority(made), createAuthority(made)]);
  [te1, te2] = await Promise.all([issue('te1'), issue('te2')]);
  server = await openHostileDirectory(own.authority, own.key);
  directory = open();
});

after(async () => {
  await directory?.close();
  await server?.close();
});

function open(): LdapDirectory {
  const { url } = server;
  const { authority } = own;
  return createLdapDirectory({
    ...{ url, base: 'dc=alpha,dc=test', authority, identity: te1, clock: systemClock, log: silent },
  });
}

async function issue(
  name: string,
  by = own,
  { notBefore = Date.now() - MINUTE, notAfter = Date.now() + 60 * MINUTE } = {},
): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = await issueCertificate({
    ...{ name, role: 'te', domain: 'alpha.test', addresses: [`${name}@alpha.test`] },
    ...{
      notBefore,
      notAfter,
      authority: by.authority,
      authorityKey: by.key,
      publicKey,
      random: systemRandom,
    },
  });
  return { key: privateKey, certificate: readCertificate(der) };
}

type Answer = Parameters<HostileDirectory['answer']>[0];

/** The messages of an answer, each under the id of the question. */
const say =
  (...operations: readonly Uint8Array[]): Answer =>
  (id) =>
    Buffer.concat(operations.map((operation) => message(id, operation)));

const honest: () => Answer = () => say(entry('te1', [te1.certificate.der]), done());

/** The certificate of te1 in three ways, each time asked of the server. */
const questions: Readonly<Record<string, () => Promise<Certificate | undefined>>> = {
  serial: () => directory.fetch(te1.certificate.issuer, te1.certificate.serial),
  address: async () => (await open2((fresh) => fresh.byAddress(TE1)))[0],
  role: async () => (await directory.byRole('te'))[0],
};

/** Answers by address are kept; a new client has none. */
async function open2<Result>(ask: (fresh: LdapDirectory) => Promise<Result>): Promise<Result> {
  const fresh = open();
  try {
    return await ask(fresh);
  } finally {
    await fresh.close();
  }
}

async function isHonest(): Promise<void> {
  server.answer(honest());
  for (const [way, ask] of Object.entries(questions))
    assert.equal((await ask())?.fingerprint, te1.certificate.fingerprint, `honest, by ${way}`);
}

async function refused(
  code: ErrorCode,
  what: string,
  lie: Answer,
  ways = Object.keys(questions),
): Promise<void> {
  await isHonest();
  server.answer(lie);
  for (const way of ways)
    await assert.rejects(
      questions[way]!(),
      (error) => error instanceof Mom4cError && error.code === code,
      `${what}, by ${way}`,
    );
  await isHonest();
}

test('a certificate counts only if it is what was asked for', async () => {
  const others = say(entry('te1', [te2.certificate.der]), done());
  await refused('M4C_DIRECTORY_ENTRY', 'the certificate of te2', others, ['serial', 'address']);
  const impostor = (await issue('te1', foreign)).certificate.der;
  const sameName = say(entry('te1', [impostor]), done());
  await refused('M4C_DIRECTORY_ENTRY', 'te1 of another authority', sameName, ['serial']);
  await refused('M4C_CERTIFICATE_INVALID', 'te1 of another authority', sameName, ['address', 'role']);
  const both = say(entry('te1', [te1.certificate.der]), entry('te2', [te2.certificate.der]), done());
  await refused('M4C_DIRECTORY_ENTRY', 'te2 beside te1', both, ['address']);
});

test('a certificate counts only in its time', async () => {
  const past = { notBefore: Date.now() - 2 * MINUTE, notAfter: Date.now() - MINUTE };
  const future = { notBefore: Date.now() + 10 * MINUTE, notAfter: Date.now() + 20 * MINUTE };
  const [early, late] = await Promise.all([issue('te1', own, future), issue('te1', own, past)]);
  for (const [what, { certificate }] of Object.entries({ 'not yet valid': early, expired: late })) {
    await isHonest();
    server.answer(say(entry('te1', [certificate.der]), done()));
    await assert.rejects(
      directory.fetch(certificate.issuer, certificate.serial),
      { code: 'M4C_CERTIFICATE_INVALID' },
      what,
    );
    await isHonest();
  }
  await refused(
    'M4C_CERTIFICATE_INVALID',
    'not yet valid',
    say(entry('te1', [early.certificate.der]), done()),
    ['address', 'role'],
  );
  server.answer(say(entry('te1', [late.certificate.der]), done()));
  assert.equal(await questions.address!(), undefined, 'what has expired is passed over');
});

test('garbage in the place of a certificate, of an entry, or of the protocol', async () => {
  const garbage = say(entry('te1', [Buffer.from('30800000', 'hex')]), done());
  await refused('M4C_CERTIFICATE_INVALID', 'garbage DER', garbage);
  const cut = say(entry('te1', [te1.certificate.der.subarray(0, 200)]), done());
  await refused('M4C_CERTIFICATE_INVALID', 'half a certificate', cut);
  await refused('M4C_DIRECTORY_ENTRY', 'no LDAP', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n'));
  await refused('M4C_DIRECTORY_ENTRY', 'a referral', say(done(10)));
  await refused('M4C_DIRECTORY_ENTRY', 'an error', say(done(80)));
  const strayReferences = say(reference('ldap://evil.test/'), entry('te1', [te1.certificate.der]), done());
  server.answer(strayReferences);
  assert.ok(await questions.serial!(), 'a reference beside the answer is not followed');
});

test('more than anybody has', async () => {
  await refused('M4C_DIRECTORY_ENTRY', 'a message of 4 GB', () => Buffer.from('3084ffffffff', 'hex'));
  const huge = say(entry('te1', [Buffer.alloc(100_000)]), done());
  await refused('M4C_DIRECTORY_ENTRY', 'a huge certificate', huge);
  const many = say(
    entry(
      'te1',
      Array.from({ length: 50 }, () => te1.certificate.der),
    ),
    done(),
  );
  await refused('M4C_DIRECTORY_ENTRY', 'fifty certificates in an entry', many);
  const one = entry('te1', [te1.certificate.der]);
  const hundred = say(...Array.from({ length: 100 }, () => one), done());
  await refused('M4C_DIRECTORY_ENTRY', 'a hundred entries for one question', hundred, ['serial', 'address']);
  const entries: Answer = (id) => Buffer.concat(Array.from({ length: 10_001 }, () => message(id, one)));
  await refused('M4C_DIRECTORY_ENTRY', 'entries without end', entries);
  const deep: Answer = (id) => Buffer.concat(Array.from({ length: 50_000 }, () => message(id, ber(0x73))));
  await refused('M4C_DIRECTORY_ENTRY', 'fifty thousand empty references at once', deep);
});

test('a lie is no signature: what it vouches for is refused', async () => {
  const { authority } = own;
  const verifier = createVerifier({ directory, authority, clock: systemClock });
  const signed = await createSigner(te1).signEnclosed(Buffer.from('{}'));
  server.answer(honest());
  assert.equal((await verifier.verify(signed)).signer.name, 'te1');
  await open2(async (fresh) => {
    const lied = createVerifier({ directory: fresh, authority, clock: systemClock });
    server.answer(say(entry('te1', [te2.certificate.der]), done()));
    await assert.rejects(lied.verify(signed), { code: 'M4C_DIRECTORY_ENTRY' });
    server.answer(say(done()));
    const { issuer } = te2.certificate;
    assert.equal(await fresh.byIssuerAndSerial(issuer, te2.certificate.serial), undefined);
    await assert.rejects(lied.verify(await createSigner(te2).signEnclosed(Buffer.from('{}'))), {
      code: 'M4C_CERTIFICATE_UNKNOWN',
    });
  });
});
