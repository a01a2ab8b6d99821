/**
 * Mutations seen red: `fetch` answered from the cache; certificates parsed anew each time; no refresh ahead; refreshes counted as look-ups; the time of one that is kept
 * not looked at; the budget of one sender spent for another.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Entry } from 'ldapts';
import type { Certificate } from '@mom4c/core';
import { CERTIFICATE_ATTRIBUTE } from './directory-connection.ts';
import { createLdapDirectory } from './directory.ts';
import { fault, HOUR, makeDomain, NOW } from './test-domain.ts';
import type { Member } from './test-domain.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };
const domain = await makeDomain();
const reader = await domain.issue('te0', 'te', 'ec');

/** A directory that holds what is put into `held`, each with an entry of its own. */
function setUp() {
  let now = NOW;
  const held: Certificate[] = [];
  const entryOf = ({ name, der }: Certificate): Entry => ({
    dn: `cn=${name}`,
    // As LDAP gives it: other octets each time.
    [CERTIFICATE_ATTRIBUTE]: [Buffer.from(der)],
  });
  const clock = { now: () => now, monotonic: () => now, after: () => () => {} };
  const options = { url: 'ldaps://none', base: 'dc=alpha,dc=test', authority: domain.authority, clock, log };
  const directory = createLdapDirectory(
    { ...options, identity: reader },
    { search: async () => held.map(entryOf), close: async () => {} },
  );
  return { directory, held, advance: (ms: number) => (now += ms) };
}

function countSignatures(t: TestContext): () => number {
  const { mock } = t.mock.method(X509Certificate.prototype, 'verify');
  return () => mock.callCount();
}

const members = (count: number): Promise<Member[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => domain.issue(`te${index}`, 'te', 'ec')));

test('what is fetched is what is there now, whatever was answered before', async () => {
  const { directory, held } = setUp();
  const { issuer, serial, fingerprint } = reader.certificate;
  assert.equal(await directory.fetch(issuer, serial), undefined);
  assert.equal(await directory.byIssuerAndSerial(issuer, serial), undefined);
  held.push(reader.certificate);
  assert.equal(await directory.byIssuerAndSerial(issuer, serial), undefined, 'kept');
  assert.equal((await directory.fetch(issuer, serial))?.fingerprint, fingerprint);
  held.pop();
  assert.equal(await directory.fetch(issuer, serial), undefined);
});

test('a steady conversation looks nothing up once it is warm, for as long as it goes on', async () => {
  const { directory, held, advance } = setUp();
  held.push(reader.certificate);
  const { issuer, serial } = reader.certificate;
  const letter = async (): Promise<void> => {
    assert.equal((await directory.byAddress('te0@alpha.test')).length, 1);
    assert.ok(await directory.byIssuerAndSerial(issuer, serial));
  };
  await letter();
  const warm = directory.lookups;
  for (let time = 0; time < HOUR / 2; time += 1000) {
    advance(1000);
    await letter();
  }
  assert.equal(directory.lookups, warm);
  // At half of 30 seconds and of 5 minutes.
  assert.equal(directory.refreshes, 120 + 12);
  advance(HOUR / 4);
  await letter();
  assert.equal(directory.lookups, warm + 2, 'after a pause it does');
});

test('a sender that makes up serial numbers soon asks in vain; known signers, and other senders, do not suffer', async () => {
  const { directory, held, advance } = setUp();
  const { issuer, serial } = reader.certificate;
  held.push(reader.certificate);
  const made = (index: number): string => `aa${index.toString(16).padStart(4, '0')}`;
  assert.ok(await directory.byIssuerAndSerial(issuer, serial, 'te3@alpha.test'));
  held.pop();
  for (let index = 0; index < 9; index++)
    assert.equal(await directory.byIssuerAndSerial(issuer, made(index), 'te3@alpha.test'), undefined);
  for (let index = 10; index < 1000; index++)
    await assert.rejects(
      directory.byIssuerAndSerial(issuer, made(index), 'te3@alpha.test'),
      fault('M4C_BUSY'),
    );
  assert.equal(directory.lookups, 10);
  assert.ok(await directory.byIssuerAndSerial(issuer, serial, 'te3@alpha.test'), 'it is known');
  assert.equal(await directory.byIssuerAndSerial(issuer, made(10), 'te4@alpha.test'), undefined);
  advance(1000);
  assert.equal(await directory.byIssuerAndSerial(issuer, made(11), 'te3@alpha.test'), undefined);
});

test('a refresh costs no signatures but for what is new', async (t) => {
  const { directory, held } = setUp();
  const many = await members(20);
  held.push(...many.slice(1).map(({ certificate }) => certificate));
  const signatures = countSignatures(t);
  assert.equal((await directory.byRole('te')).length, 19);
  assert.equal(signatures(), 19);
  const before = await directory.byRole('te');
  held.push(many[0]!.certificate);
  const after = await directory.byRole('te');
  assert.equal(signatures(), 20);
  assert.ok(before.every((each) => after.includes(each)));
});

test('a certificate that was verified once is not used beyond its time', async () => {
  const { directory, held, advance } = setUp();
  held.push(reader.certificate);
  const { issuer, serial } = reader.certificate;
  assert.ok(await directory.fetch(issuer, serial));
  advance(HOUR + 1000);
  await assert.rejects(directory.fetch(issuer, serial), fault('M4C_CERTIFICATE_INVALID'));
  assert.deepEqual(await directory.byRole('te'), []);
});
