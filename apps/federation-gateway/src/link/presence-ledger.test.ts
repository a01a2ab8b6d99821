// Mutations seen red, one each: nothing written; what a room has said taken for what anybody shows; an account's share not looked at; what
// others in a room do noted; who was let in waits on; leaving a room keeps what was shown to it; a refused join kept; what is left in the file
// not read; who claims to be a room believed; the share of a side filled by the other; a room believed more often than it was entered; of others
// in a room noted; who says that he is a room, or has no resource, not noted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { xml, type Element } from '@mom4c/xmpp';
import { openPresenceLedger } from './presence-ledger.ts';
import { readPresence, type Side } from './presence-reading.ts';

const OURS = 'cm@alpha.test/x';
const THEIRS = 'te9@beta.test/y';
const ROOM = 'cluster@conference.beta.test';
const BETA = 'beta.test';

function presence(from: string, to: string, type?: string, ...children: Element[]): Element {
  return xml('presence', { from, to, type }, ...children);
}
const muc = (): Element => xml('x', { xmlns: 'http://jabber.org/protocol/muc' });
const mucUser = (...codes: string[]): Element =>
  xml('x', { xmlns: 'http://jabber.org/protocol/muc#user' }, ...codes.map((code) => xml('status', { code })));

function setUp(context: TestContext, limits?: Parameters<typeof openPresenceLedger>[1]) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-ledger-'));
  const file = join(folder, 'state', 'presence.sqlite');
  const ledger = openPresenceLedger(file, limits);
  context.after(() => rmSync(folder, { recursive: true }));
  const hear = (stanza: Element, side: Side): void => ledger.apply(BETA, readPresence(stanza, side));
  const known = (): string[] =>
    (['out', 'in'] as const).flatMap((side) =>
      ledger.of(BETA, side).map(({ kind, from, to }) => `${side} ${kind} ${from} ${to}`),
    );
  return { file, ledger, hear, known };
}

test('one of ours joins a room of theirs and leaves it', (context) => {
  const { ledger, hear, known } = setUp(context);
  hear(presence(OURS, `${ROOM}/cm`, undefined, muc()), 'out');
  assert.deepEqual(known(), [`out join ${OURS} ${ROOM}/cm`]);
  hear(presence(`${ROOM}/other`, OURS, undefined, mucUser()), 'in');
  hear(presence(`${ROOM}/cm`, OURS, undefined, mucUser('100', '110')), 'in');
  hear(presence(OURS, `${ROOM}/cm`), 'out');
  hear(presence(`${ROOM}/cm`, OURS), 'in');
  assert.deepEqual(known(), [`out directed ${OURS} ${ROOM}/cm`, `in self ${ROOM}/cm ${OURS}`]);
  hear(presence(OURS, `${ROOM}/cm`, undefined, muc()), 'out');
  hear(presence(`${ROOM}/cm`, OURS, undefined, mucUser('110')), 'in');
  assert.deepEqual(known().toSorted(), [`in self ${ROOM}/cm ${OURS}`, `out directed ${OURS} ${ROOM}/cm`]);
  assert.equal(ledger.count(BETA), 2);
  hear(presence(`${ROOM}/other`, OURS, 'unavailable', mucUser()), 'in');
  assert.equal(ledger.count(BETA), 2);
  hear(presence(`${ROOM}/cm`, OURS, 'unavailable', mucUser('110')), 'in');
  assert.deepEqual(known(), []);
});

test('a change of nick, a refused join, and what is said to an account', (context) => {
  const { hear, known } = setUp(context);
  hear(presence(THEIRS, 'r@conference.alpha.test/a', undefined, muc()), 'in');
  hear(presence('r@conference.alpha.test/a', THEIRS, undefined, mucUser('110')), 'out');
  hear(presence(THEIRS, 'r@conference.alpha.test/b'), 'in');
  hear(presence('r@conference.alpha.test/a', THEIRS, 'unavailable', mucUser('110', '303')), 'out');
  hear(presence('r@conference.alpha.test/b', THEIRS, undefined, mucUser('110')), 'out');
  assert.deepEqual(known(), [
    `out self r@conference.alpha.test/b ${THEIRS}`,
    `in directed ${THEIRS} r@conference.alpha.test/b`,
  ]);
  hear(presence(OURS, `${ROOM}/cm`, undefined, muc()), 'out');
  hear(presence(`${ROOM}/cm`, OURS, 'error', muc()), 'in');
  hear(presence(OURS, 'te9@beta.test'), 'out');
  hear(presence('cm@alpha.test', 'te9@beta.test', 'subscribe'), 'out');
  hear(presence('cm@alpha.test', 'te9@beta.test', 'probe'), 'out');
  assert.deepEqual(known().slice(1, 2), [`out directed ${OURS} te9@beta.test`]);
  hear(presence(OURS, 'te9@beta.test', 'unavailable'), 'out');
  assert.equal(known().length, 2);
});

test('it is bounded for an account and for a partner, and a change of what is known is always taken', (context) => {
  const { ledger, hear } = setUp(context, {
    perAccount: { pieces: 2, octets: 1_000 },
    perPartner: { pieces: 3, octets: 1_000 },
  });
  const show = (from: string, to: string): void => hear(presence(from, to), 'in');
  const full = (error: unknown): boolean => error instanceof Mom4cError && error.code === 'M4C_BUSY';
  show('flood@beta.test/1', 'cm@alpha.test/1');
  show('flood@beta.test/2', 'cm@alpha.test/1');
  assert.throws(() => show('flood@beta.test/3', 'cm@alpha.test/1'), full);
  show('flood@beta.test/2', 'cm@alpha.test/1');
  show('te9@beta.test/1', 'cm@alpha.test/1');
  assert.throws(() => show('te8@beta.test/1', 'cm@alpha.test/1'), full);
  assert.throws(() => show(`te9@beta.test/${'x'.repeat(1_000)}`, 'cm@alpha.test/1'), full);
  hear(presence('flood@beta.test/1', 'cm@alpha.test/1', 'unavailable'), 'in');
  show('te8@beta.test/1', 'cm@alpha.test/1');
  assert.equal(ledger.count(BETA), 3);
  ledger.apply('gamma.test', readPresence(presence('a@gamma.test/1', OURS), 'in'));
  assert.deepEqual(ledger.partners(), [BETA, 'gamma.test']);
});

test('who says that he is a room is charged himself, and the partner fills no share but his own', (context) => {
  const { ledger, hear, known } = setUp(context, {
    perAccount: { pieces: 4, octets: 10_000 },
    perPartner: { pieces: 8, octets: 10_000 },
  });
  const full = (error: unknown): boolean => error instanceof Mom4cError && error.code === 'M4C_BUSY';
  // One account of theirs, to accounts that need not exist.
  const claim = (from: string, number: number): void =>
    hear(presence(from, `nobody${number}@alpha.test/x`, undefined, mucUser('110')), 'in');
  for (let number = 0; number < 4; number++) claim('mallory@beta.test/1', number);
  assert.throws(() => claim('mallory@beta.test/1', 4), full);
  for (let number = 0; number < 4; number++) claim('mallory2@beta.test/1', number);
  assert.throws(() => claim('mallory3@beta.test/1', 0), full);
  assert.ok(ledger.of(BETA, 'in').every(({ kind }) => kind === 'directed'));
  // An honest join passes, and its answer.
  hear(presence(OURS, `${ROOM}/cm`, undefined, muc()), 'out');
  hear(presence(`${ROOM}/cm`, OURS, undefined, mucUser('110')), 'in');
  assert.ok(known().includes(`in self ${ROOM}/cm ${OURS}`));
  // The room cannot use up the share of its guest.
  assert.throws(() => hear(presence(`${ROOM}/more`, OURS, undefined, mucUser('110')), 'in'), full);
  for (const name of ['a', 'b']) hear(presence(OURS, `${name}@beta.test`), 'out');
});

test('who says that he is in a room, or has no resource, is noted like any other', (context) => {
  const { hear, known } = setUp(context);
  hear(presence(THEIRS, OURS, undefined, mucUser()), 'in');
  hear(presence('te8@beta.test', OURS), 'in');
  assert.deepEqual(known(), [`in directed ${THEIRS} ${OURS}`, `in directed te8@beta.test ${OURS}`]);
  hear(presence(THEIRS, OURS, 'unavailable'), 'in');
  hear(presence('te8@beta.test', OURS, 'unavailable'), 'in');
  hear(presence(OURS, `${ROOM}/cm`, undefined, muc()), 'out');
  hear(presence(`${ROOM}/other`, OURS, undefined, mucUser()), 'in');
  hear(presence(ROOM, OURS), 'in');
  assert.deepEqual(known(), [`out join ${OURS} ${ROOM}/cm`]);
});

test('only its owner reads the file, and what is beside it', (context) => {
  const { file, ledger, hear } = setUp(context);
  hear(presence(THEIRS, OURS), 'in');
  ledger.close();
  chmodSync(file, 0o644);
  const again = openPresenceLedger(file);
  for (const end of ['', '-wal', '-shm']) assert.equal(statSync(`${file}${end}`).mode & 0o777, 0o600, end);
  again.close();
});

/** Writes what it is told and says so; a process of its own, so that it can be killed. */
const WRITER = `
  const { openPresenceLedger } = await import(process.argv[1]);
  const ledger = openPresenceLedger(process.argv[2]);
  for (let number = 0; number < 200; number++)
    ledger.apply('beta.test', { note: { side: 'in', kind: 'directed', from: 'te@beta.test/' + number, to: 'cm@alpha.test/x' } });
  ledger.apply('beta.test', { forget: [{ side: 'in', from: 'te@beta.test/7', to: 'cm@alpha.test/x' }] });
  console.log('written');
  setInterval(() => {}, 1000);`;

test('it survives that its process is killed', async (context) => {
  const { file, ledger } = setUp(context);
  ledger.close();
  const module = new URL('./presence-ledger.ts', import.meta.url).href;
  const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, module, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(writer.stdout, 'data')) as [Buffer];
  assert.equal(said.toString(), 'written\n');
  writer.kill('SIGKILL');
  await once(writer, 'exit');
  const again = openPresenceLedger(file);
  assert.equal(again.count(BETA), 199);
  assert.equal(again.of(BETA, 'in')[7]!.from, 'te@beta.test/8');
  for (const one of again.of(BETA, 'in')) again.forget(BETA, one);
  again.close();
  const last = openPresenceLedger(file);
  assert.deepEqual(last.partners(), []);
  last.close();
});
