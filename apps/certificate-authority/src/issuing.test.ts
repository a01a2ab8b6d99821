/**
 * Mutations seen red: no bounds; the count, or the pause, not looked at; RSA not exempt; a clock that was put back not
 * thought of; no room made for a token; the newest retired; expired ones counted; nothing purged; purged at once.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Mom4cError, systemRandom as random } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import { createAuthority } from '@mom4c/pki';
import { createCertificateStore } from './certificate-store.ts';
import { openDatabase } from './database.ts';
import { createIssuing } from './issuing.ts';
import { createTokenStore } from './token-store.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 5, 1);
const domain = 'alpha.test';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const { key: authorityKey, authority } = await createAuthority({
  domain,
  clock: { now: () => START },
  random,
  validityDays: 3650,
});

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-issuing-'));
  const database = openDatabase(folder);
  t.after(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  let now = START;
  const clock = { now: () => now };
  const tokens = createTokenStore(database, clock, random);
  const certificates = createCertificateStore(database, clock);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const parts = { authority, authorityKey, domain, validityDays: 90, database, certificates };
  const issuing = createIssuing({ ...parts, clock, random, log });
  const ask = (publicKey: KeyObject, renews?: Certificate) => {
    const wish = { name: 'te1', role: 'te', publicKey, renews, algorithms: undefined, audit: {} } as const;
    return issuing.issueMember({ ...wish, settle() {} });
  };
  return {
    certificates,
    tokens,
    enrol: () => ask(rsa),
    renew: (current: Certificate) => ask(ec, current),
    advance: (ms: number) => (now += ms),
    count: () => certificates.holdingsOf('te1').count,
  };
}

test('a name holds four valid certificates at most; when one expires it may renew again', async (t) => {
  const { enrol, renew, advance, count } = setUp(t);
  const first = await enrol();
  let current = await renew(first);
  for (const held of [3, 4]) {
    advance(DAY);
    current = await renew(current);
    assert.equal(count(), held);
  }
  advance(DAY);
  await assert.rejects(renew(current), refused(/4 valid certificates/));
  await assert.rejects(renew(first), refused(/4 valid certificates/), 'nor by the first one');
  assert.equal(count(), 4);
  advance(87 * DAY);
  await renew(current);
  assert.equal(count(), 3);
});

test('right after its enrolment a node renews to P-256, and then not again for a while', async (t) => {
  const { enrol, renew, advance } = setUp(t);
  const current = await renew(await enrol());
  await assert.rejects(renew(current), refused(/0 ms ago/));
  advance(9_999);
  await assert.rejects(renew(current), refused(/9999 ms ago/));
  advance(1);
  await renew(current);
  advance(-DAY / 2);
  await renew(current);
});

test('a new token is honoured however many there are: the oldest are retired', async (t) => {
  const { enrol, renew, certificates, count } = setUp(t);
  const first = await enrol();
  const second = await renew(first);
  for (let times = 0; times < 3; times++) await renew(await enrol());
  assert.equal(count(), 4);
  assert.deepEqual(
    [first, second].map((one) => certificates.isStanding(one)),
    [false, false],
  );
  assert.deepEqual(
    certificates
      .revoked()
      .slice(0, 2)
      .map(({ serial, reason }) => [serial, reason]),
    [first, second].map(({ serial }) => [serial, 'superseded']),
  );
});

test('what expired long ago is forgotten, and nothing else', async (t) => {
  const { enrol, certificates, tokens, advance } = setUp(t);
  const old = await enrol();
  tokens.create({ name: 'te1', role: 'te', ttl: '1h' }, 'alice');
  advance(100 * DAY);
  const late = await enrol();
  tokens.create({ name: 'te1', role: 'te', ttl: '1h' }, 'alice');
  assert.deepEqual([certificates.purge(), tokens.purge()], [0, 0], 'creating a token has purged them too');
  advance(21 * DAY);
  assert.deepEqual([certificates.purge(), tokens.purge()], [1, 0]);
  assert.deepEqual(
    [old, late].map((one) => certificates.isStanding(one)),
    [false, true],
  );
  advance(10 * DAY);
  assert.deepEqual([certificates.purge(), tokens.purge()], [0, 1]);
});

function refused(reason: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof Mom4cError && error.code === 'M4C_CA_REFUSED' && reason.test(error.message);
}
