/** Mutation seen red: no limit of time for `legacy`; `useOf` without its time; `void` without the name; `used IS NULL` left out when a token is consumed; tokens stored as they are. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError, systemRandom } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import { openDatabase, transaction } from './database.ts';
import { createTokenStore } from './token-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-tokens-'));
const databases: DatabaseSync[] = [];
after(() => {
  for (const database of databases) database.close();
  rmSync(folder, { recursive: true, force: true });
});

const use = { serial: '01', transactionId: 'a' };

function setUp() {
  let now = 1_800_000_000_000;
  const database = openDatabase(join(folder, String(databases.length)));
  databases.push(database);
  const store = createTokenStore(database, { now: () => now }, systemRandom);
  return { database, store, advance: (ms: number) => (now += ms), now: () => now };
}

test('a token tells whom it is for, until it is used', () => {
  const { store, now } = setUp();
  const { token, expires } = store.create({ name: 'te1', role: 'te', ttl: '15m' }, 'alice');
  assert.match(token, /^[\w-]{27}$/);
  assert.equal(expires, now() + 900_000);
  assert.deepEqual(store.check(token), { name: 'te1', role: 'te', legacy: false });
  assert.deepEqual(store.check(token), { name: 'te1', role: 'te', legacy: false });
  store.consume(token, use);
  assert.throws(() => store.check(token), isCode('M4C_TOKEN_INVALID'));
  assert.throws(() => store.consume(token, use), isCode('M4C_TOKEN_INVALID'));
});

test('what a token was used for is remembered until it expires', () => {
  const { store, advance } = setUp();
  const { token } = store.create({ name: 'te1', role: 'te', ttl: '1h' }, 'alice');
  assert.equal(store.useOf(token), undefined);
  store.consume(token, use);
  assert.deepEqual(store.useOf(token), { name: 'te1', role: 'te', legacy: false, ...use });
  advance(3_600_000);
  assert.equal(store.useOf(token), undefined);
});

test('a token that allows weak algorithms is short-lived, and is awaited until it expires', () => {
  const { store, advance } = setUp();
  const wish = { name: 'te1', role: 'te', ttl: '1h' };
  store.create(wish, 'alice');
  assert.equal(store.isLegacyAwaited(), false);
  assert.throws(
    () => store.create({ ...wish, ttl: '61m', legacy: true }, 'alice'),
    isCode('M4C_BAD_ARGUMENTS'),
  );
  assert.equal(store.isLegacyAwaited(), false);
  const { token } = store.create({ ...wish, legacy: true }, 'alice');
  assert.equal(store.check(token).legacy, true);
  store.consume(token, use);
  assert.equal(store.isLegacyAwaited(), true, 'the request may come again');
  advance(3_600_000);
  assert.equal(store.isLegacyAwaited(), false);
});

test('the tokens of a name can be made worthless, and nobody else loses his', () => {
  const { store } = setUp();
  const [lost, other] = ['te1', 'te2'].map(
    (name) => store.create({ name, role: 'te', ttl: '1h' }, 'alice').token,
  ) as [string, string];
  store.check(lost);
  assert.equal(store.void('te1'), 1);
  assert.throws(() => store.check(lost), isCode('M4C_TOKEN_INVALID'));
  assert.equal(store.useOf(lost), undefined);
  store.check(other);
  assert.equal(store.void('te1'), 0);
});

test('the tokens that somebody made can be made worthless, used ones and those of others excepted', () => {
  const { store } = setUp();
  const make = (name: string, by: string) => store.create({ name, role: 'te', ttl: '1h' }, by).token;
  const [lost, used, other] = [make('te1', 'mallory'), make('te2', 'mallory'), make('mallory', 'alice')];
  store.consume(used, use);
  assert.equal(store.voidMadeBy('mallory'), 1);
  assert.throws(() => store.check(lost), isCode('M4C_TOKEN_INVALID'));
  assert.equal(store.useOf(used)?.serial, use.serial);
  store.check(other);
  assert.equal(store.voidMadeBy('mallory'), 0);
});

test('expired is told apart from unknown, and used from expired', () => {
  const { store, advance } = setUp();
  const { token } = store.create({ name: 'te1', role: 'te', ttl: '1h' }, 'alice');
  const used = store.create({ name: 'te2', role: 'te', ttl: '1h' }, 'alice').token;
  store.consume(used, use);
  advance(3_599_999);
  store.check(token);
  advance(1);
  assert.throws(() => store.check(token), isCode('M4C_TOKEN_EXPIRED'));
  assert.throws(() => store.consume(token, use), isCode('M4C_TOKEN_EXPIRED'));
  assert.throws(() => store.check(used), isCode('M4C_TOKEN_INVALID'));
  advance(31 * 86_400_000);
  store.create({ name: 'te3', role: 'te', ttl: '1h' }, 'alice');
  assert.throws(() => store.check(token), isCode('M4C_TOKEN_INVALID'));
});

test('names, roles and times that are not for tokens are refused', () => {
  const { store } = setUp();
  const create = (change: object) => () =>
    store.create({ name: 'te1', role: 'te', ttl: '1h', ...change }, 'alice');
  for (const role of ['cm', 'te', 'gateway', 'admin', 'publisher']) create({ role })();
  for (const ttl of ['1s', '15m', '2d', '7d']) create({ ttl })();
  for (const name of ['cm', 'ca', 'TE1', '../te1', '', 'a b', 'x'.repeat(65)])
    assert.throws(create({ name }), isCode('M4C_BAD_ARGUMENTS'), name);
  for (const role of ['ca', 'server', 'root', '', 'constructor'])
    assert.throws(create({ role }), isCode('M4C_BAD_ARGUMENTS'), role);
  for (const ttl of ['8d', '169h', '0s', '10ms', '-1h', 'x', ''])
    assert.throws(create({ ttl }), isCode('M4C_BAD_ARGUMENTS'), ttl);
});

test('what fails behind it leaves the token as it was', () => {
  const { store, database } = setUp();
  const { token } = store.create({ name: 'te1', role: 'te', ttl: '1h' }, 'alice');
  const failing = () =>
    transaction(database, () => {
      store.consume(token, use);
      throw new Error('no certificate');
    });
  assert.throws(failing, /no certificate/);
  assert.deepEqual(store.check(token), { name: 'te1', role: 'te', legacy: false });
});

test('the disk holds no token, and nobody else may read it', () => {
  const { store } = setUp();
  const { token } = store.create({ name: 'te1', role: 'te', ttl: '1h' }, 'alice');
  const state = join(folder, String(databases.length - 1));
  assert.equal(statSync(state).mode & 0o777, 0o700);
  const files = readdirSync(state).map((name) => join(state, name));
  assert.ok(files.length > 0);
  for (const file of files) assert.ok(!readFileSync(file).includes(token));
});

test('no text is a token', () => {
  const { store } = setUp();
  store.create({ name: 'te1', role: 'te', ttl: '1h' }, 'alice');
  fc.assert(
    fc.property(fc.string(), (text) => assert.throws(() => store.check(text), isCode('M4C_TOKEN_INVALID'))),
  );
});

function isCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof Mom4cError && error.code === code;
}
