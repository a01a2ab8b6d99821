// Mutation seen red: `heard` that does not clear a missed deadline; labels forgotten with the session; an unsigned
// presence that counts as present; `since` renewed by each announcement; a list of the enrolled that is never waited for, or always; the file of last words not
// written at stop; labels forgotten at an empty answer of the directory; at the first one without the name; an hour that
// does not begin anew.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Mom4cError, parseLabelTerm } from '@mom4c/core';
import type { Certificate, Clock, NodeInfo } from '@mom4c/core';
import type { PayloadOf } from '@mom4c/messaging';
import { RosterMemory } from './roster-memory.ts';
import { Roster } from './roster.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-roster-'));
after(() => rmSync(folder, { recursive: true }));
const publicKey = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const START = 1_700_000_000_000;
const MINUTE = 60_000;
const CM = { name: 'cm1', role: 'cm', address: 'cm1@alpha.test', version: '1', since: START / 1000 } as const;
const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

test('labels, version and last word outlive the session, and so does their time', async () => {
  const { roster, pass, node } = clusterOf('te1', 'te2');
  roster.announced(presence('te1', { site: 'roof' }), 'te1@alpha.test/agent');
  pass(MINUTE);
  roster.heard(result('te1', START + MINUTE));
  roster.gone('te1@alpha.test/agent');
  assert.deepEqual(await node('te1'), {
    name: 'te1',
    role: 'te',
    address: 'te1@alpha.test',
    present: false,
    version: '0.1.0',
    labels: { site: 'roof' },
    signed: { kind: 'result', time: (START + MINUTE) / 1000 },
  });
  assert.deepEqual(await node('te2'), { name: 'te2', role: 'te', address: 'te2@alpha.test', present: false });
  assert.deepEqual(roster.labels('te1'), { site: 'roof' });
  const names = async (...terms: string[]) =>
    (await roster.list(terms.map(parseLabelTerm))).map(({ name }) => name);
  assert.deepEqual(await names('site=roof'), ['te1']);
  assert.deepEqual(await names('site!=roof'), ['cm1', 'te2']);
});

test('an announcement is repeated without a new presence, and may change the labels', async () => {
  const { roster, pass, node } = clusterOf('te1');
  roster.announced(presence('te1', { site: 'roof' }), 'te1@alpha.test/agent');
  pass(MINUTE);
  roster.announced(presence('te1', { site: 'cellar' }), 'te1@alpha.test/agent');
  assert.equal((await node('te1')).since, START / 1000);
  assert.deepEqual((await node('te1')).labels, { site: 'cellar' });
  roster.announced(presence('te1'), 'te1@alpha.test/agent');
  assert.deepEqual((await node('te1')).labels, undefined);
});

test('silent is who misses a deadline, until it is heard again', async () => {
  const { roster, node } = clusterOf('te1', 'te2');
  roster.missed('te2');
  assert.equal((await node('te2')).silent, undefined, 'it was not here to answer');
  roster.announced(presence('te1'), 'te1@alpha.test/agent');
  roster.missed('te1');
  const { present, silent } = await node('te1');
  assert.deepEqual({ present, silent }, { present: true, silent: true });
  roster.heard(result('te1', START));
  assert.equal((await node('te1')).silent, undefined);
});

test('silent is who has missed two leadership statements', async () => {
  const { roster, pass, node } = clusterOf('te1');
  roster.announced(presence('te1'), 'te1@alpha.test/agent');
  pass(10 * MINUTE);
  assert.equal((await node('te1')).silent, undefined);
  pass(2 * MINUTE);
  assert.equal((await node('te1')).silent, true);
});

test('silent is whose session is there without a word that can be believed, if it is enrolled', async () => {
  const { roster, node } = clusterOf('te1');
  await roster.list();
  roster.unsigned('te1@alpha.test/agent');
  roster.unsigned('mallory@alpha.test/agent');
  assert.equal((await roster.list()).length, 2);
  const { present, silent } = await node('te1');
  assert.deepEqual({ present, silent }, { present: false, silent: true });
  roster.gone('te1@alpha.test/agent');
  assert.equal((await node('te1')).silent, undefined);
  roster.announced(presence('te1'), 'te1@alpha.test/agent');
  roster.unsigned('te1@alpha.test/agent');
  assert.equal((await node('te1')).silent, undefined, 'garbage does not make a node that is present silent');
});

test('after a restart of the manager labels choose nodes that are away; a damaged file costs no more than that', async () => {
  const file = join(folder, 'roster.json');
  const first = clusterOf('te1');
  first.roster.announced(presence('te1', { site: 'roof' }), 'te1@alpha.test/agent');
  first.memory.close();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const again = clusterOf('te1');
  assert.deepEqual(again.roster.labels('te1'), { site: 'roof' });
  assert.equal((await again.node('te1')).present, false);
  const text = readFileSync(file, 'utf8');
  for (const damaged of [text.slice(0, -3), text.replace('roof', '\\u001b[2J'), '[]', '']) {
    writeFileSync(file, damaged);
    assert.deepEqual(clusterOf('te1').roster.labels('te1'), {}, damaged);
  }
});

test('times alone are written seldom, labels soon, and in the end not what nobody is enrolled for', async () => {
  const { roster, memory, timers, pass } = clusterOf('te1');
  rmSync(join(folder, 'roster.json'), { force: true });
  roster.announced(presence('te1', { site: 'roof' }), 'te1@alpha.test/agent');
  assert.deepEqual(timers(), [1_000]);
  memory.close();
  roster.heard(result('te1', START));
  assert.deepEqual(timers(), [5 * MINUTE]);
  roster.heard(result('stranger', START));
  memory.forgetOthersThan(new Map([['te1', undefined]]));
  pass(60 * MINUTE);
  memory.forgetOthersThan(new Map([['te1', undefined]]));
  memory.close();
  assert.doesNotMatch(readFileSync(join(folder, 'roster.json'), 'utf8'), /stranger/);
});

test('labels outlive a directory that is being restored', async () => {
  const { roster, memory, names, pass } = clusterOf('te1', 'te2');
  roster.announced(presence('te2', { site: 'roof' }), 'te2@alpha.test/agent');
  const seen = async (...enrolled: string[]) => {
    names.splice(0, names.length, ...enrolled);
    pass(30 * MINUTE);
    await roster.executors();
    return roster.labels('te2').site;
  };
  for (let round = 0; round < 4; round++) assert.equal(await seen(), 'roof', 'nobody at all');
  assert.equal(await seen('te1'), 'roof');
  assert.equal(await seen('te1'), 'roof', 'missing for half an hour');
  assert.equal(await seen('te1', 'te2'), 'roof');
  assert.equal(await seen('te1'), 'roof');
  assert.equal(await seen('te1'), 'roof', 'the hour begins anew');
  assert.equal(await seen('te1'), undefined, 'gone for good');
  memory.close();
});

test('commands that follow each other do not wait for the directory, and see soon who is new', async () => {
  const { roster, pass, names, asked, answers } = clusterOf('te1');
  assert.deepEqual(await roster.executors(), ['te1']);
  names.push('te2');
  pass(11_000);
  answers('never');
  assert.deepEqual(await roster.executors(), ['te1'], 'the list that there is');
  await roster.executors();
  assert.equal(asked(), 2, 'asked once');
  answers('now');
  await setImmediate();
  assert.deepEqual(await roster.executors(), ['te1', 'te2']);
  names.push('te3');
  assert.deepEqual(await roster.executors(['te3']), ['te1', 'te2', 'te3'], 'asked for by name: waits');
  names.push('te4');
  pass(21_000);
  assert.deepEqual(await roster.executors(), ['te1', 'te2', 'te3', 'te4'], 'after a pause: waits');
});

function clusterOf(...names: string[]) {
  let now = START;
  const planned = new Map<object, number>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(ms) {
      const timer = {};
      planned.set(timer, ms);
      return () => planned.delete(timer);
    },
  };
  let asked = 0;
  let answering = Promise.withResolvers<void>();
  answering.resolve();
  const answers = (when: 'now' | 'never'): void => {
    answering.resolve();
    if (when === 'never') answering = Promise.withResolvers();
  };
  const directory = {
    byRole: async () => {
      asked += 1;
      await answering.promise;
      return names.map(certificate);
    },
    byAddress: async () => [],
    byIssuerAndSerial: async () => undefined,
  };
  const errorOf = (thrown: unknown) =>
    thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
  const memory = new RosterMemory(join(folder, 'roster.json'), { clock, log });
  const roster = new Roster({ directory, clock, log, errorOf }, CM, memory);
  return {
    roster,
    memory,
    names,
    answers,
    asked: () => asked,
    pass: (ms: number) => (now += ms),
    timers: () => [...planned.values()],
    node: async (name: string): Promise<NodeInfo> => (await roster.list()).find((one) => one.name === name)!,
  };
}

test('who may become a manager is known while it is present', async () => {
  const { roster, node } = clusterOf('te1', 'te2');
  const manager = { name: 'cm4', role: 'te', state: 'off', load: 0.25 } as const;
  const word = presence('te1');
  roster.announced({ ...word, payload: { ...word.payload, manager } }, 'te1@alpha.test/agent');
  roster.announced(presence('te2'), 'te2@alpha.test/agent');
  assert.deepEqual(roster.eligible(), [{ name: 'te1', started: START, manager }]);
  assert.deepEqual((await node('te1')).manager, { name: 'cm4', role: 'te', state: 'off' });
  assert.equal((await node('te2')).manager, undefined);
  roster.gone('te1@alpha.test/agent');
  assert.deepEqual(roster.eligible(), []);
  assert.equal((await node('te1')).manager, undefined);
});

function certificate(name: string): Certificate {
  const addresses = [`${name}@alpha.test`];
  const dates = { notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER };
  const issued = { issuer: 'ca', serial: name, fingerprint: name, der: Buffer.from(name) };
  return { name, role: 'te', domain: 'alpha.test', addresses, publicKey, ...dates, ...issued };
}

const head = (name: string, time: number) => ({
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  from: `${name}@alpha.test`,
  to: 'cm@alpha.test',
  time,
  expires: time + MINUTE,
});

function presence(name: string, labels?: Record<string, string>) {
  const payload: PayloadOf<'presence'> = {
    type: 'presence',
    ...head(name, START),
    version: '0.1.0',
    started: START,
    labels,
  };
  return { payload, signer: certificate(name), evidence: Buffer.of() };
}

function result(name: string, time: number) {
  const payload: PayloadOf<'result'> = { type: 'result', ...head(name, time), state: 'ok' };
  return { payload, signer: certificate(name) };
}
