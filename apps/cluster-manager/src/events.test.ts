// Mutations seen red: no bound for one subject; what was not told not counted; events while another one leads; who is there not
// taken from what the leader tells; a certificate told twice a day; nothing written at the end.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemRandom } from '@mom4c/core';
import { EventMemory } from './event-memory.ts';
import { Events } from './events.ts';
import { FakeTime } from './test-fakes.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-events-'));
after(() => rmSync(folder, { recursive: true }));
const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function open(name: string, file = name) {
  const time = new FakeTime();
  const memory = new EventMemory(join(folder, file), { clock: time, log });
  const parts = { name, clock: time, random: systemRandom, log, memory, heartbeatMs: 1000, ask() {} };
  const events = new Events(parts);
  const kinds = () => events.log.all.map(({ kind, subject }) => `${kind} ${subject}`);
  return { time, events, kinds };
}

test('only who leads makes events; who stands by is told, and goes on from there', () => {
  const one = open('cm1');
  one.events.nodes.arrived('te1');
  one.events.note({ kind: 'epoch-refused', severity: 'alarm', subject: 'te1', text: 'x' });
  assert.deepEqual(one.kinds(), []);
  one.events.begin('1.1');
  one.events.nodes.arrived('te2');
  one.events.nodes.gone('te2', false);
  const told = ['manager-leads cm1', 'node-joined te1', 'node-joined te2', 'node-lost te2'];
  assert.deepEqual(one.kinds(), told);
  const two = open('cm2');
  two.events.nodes.arrived('te1');
  two.events.adopt(one.events.log.all);
  two.events.adopt(one.events.log.all);
  assert.equal(typeof two.events.rosterWatch.lostSince('te2'), 'number');
  two.events.begin('1.2');
  assert.deepEqual(two.kinds(), [...told, 'manager-leads cm2']);
  assert.equal(two.events.log.all.at(-1)?.text, 'leads under epoch 1.2, after cm1');
  assert.equal(two.events.log.all.at(-1)?.severity, 'warning');
  two.time.pass(3 * 5000);
  assert.equal(two.kinds().includes('manager-lost cm1'), true, 'it gave no sign');
});

test('a manager that is started anew knows what it knew; a damaged file costs no more than that', () => {
  const { events, kinds } = open('cm3', 'events.json');
  events.begin('1.1');
  events.nodes.arrived('te1');
  events.close();
  const again = open('cm3', 'events.json');
  assert.deepEqual(again.kinds(), kinds());
  again.events.begin('1.2');
  again.events.nodes.arrived('te1');
  again.time.pass(2999);
  assert.deepEqual(again.kinds().slice(2), ['manager-leads cm3']);
  writeFileSync(join(folder, 'events.json'), '{"events":[');
  assert.deepEqual(open('cm3', 'events.json').kinds(), []);
});

test('who comes and goes all the time is told twelve times in ten minutes, and how often it was not', () => {
  const { time, events, kinds } = open('cm4');
  events.begin('1.1');
  for (let n = 0; n < 20; n++) {
    events.nodes.arrived('te1');
    events.nodes.gone('te1', false);
  }
  events.nodes.arrived('te2');
  assert.equal(kinds().filter((kind) => kind.endsWith('te1')).length, 12);
  assert.ok(kinds().includes('node-joined te2'));
  time.pass(10 * 60_000 + 1);
  events.nodes.arrived('te1');
  assert.match(events.log.all.at(-1)!.text, /is there again \(28 more about it were not told\)/);
});

test('a certificate in the last tenth of its time is told once a day', () => {
  const { time, events, kinds } = open('cm5');
  events.begin('1.1');
  const day = 24 * 3_600_000;
  const now = time.now();
  const certificates = [
    { name: 'te1', notBefore: now - 91 * day, notAfter: now + 9 * day },
    { name: 'te2', notBefore: now - 50 * day, notAfter: now + 50 * day },
  ];
  events.lookAtCertificates(certificates);
  events.lookAtCertificates(certificates);
  assert.deepEqual(kinds().slice(1), ['certificate-expires te1']);
  time.pass(day);
  events.lookAtCertificates(certificates);
  assert.equal(kinds().filter((kind) => kind === 'certificate-expires te1').length, 2);
});
