// Mutations seen red: rehearsed by who leads; each time; with the deadline of the command, or an epoch that is open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Certificate, JournalEntry } from '@mom4c/core';
import type { Payload } from '@mom4c/messaging';
import { Rehearsal } from './rehearsal.ts';
import type { RehearsalParts } from './rehearsal.ts';
import { FakeTime } from './test-fakes.ts';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const ENTRY: JournalEntry = {
  ...{ id: ID, command: 'ping', requester: 'admin@alpha.test/cli', targets: ['te1', 'te2'] },
  ...{ acceptedAt: 1000, deadline: 9_000_000_000_000, evidence: Buffer.of(1) },
};
const certificate = (name: string): Certificate =>
  ({ name, role: 'te', addresses: [`${name}@alpha.test`], fingerprint: name }) as unknown as Certificate;

function setUp() {
  const time = new FakeTime();
  const sealed: { payload: Payload; to: string[] }[] = [];
  const asked: string[] = [];
  let leads = false;
  const whenSigned = Promise.withResolvers<object>();
  const parts = {
    member: {
      ...{ clock: time, service: 'cm@alpha.test', settings: { name: 'cm2' } },
      directory: { byAddress: async () => [] },
      postbox: {
        reopen: async () => {
          asked.push('requester');
          const payload = { type: 'request', from: 'admin@alpha.test', name: 'ping', args: {} };
          return { payload, signer: certificate('admin') };
        },
        sealTo: async (payload: Payload, to: readonly Certificate[]) =>
          void sealed.push({ payload, to: to.map(({ name }) => name) }),
      },
      log: { debug() {} },
      errorOf: (thrown: unknown) => thrown,
    },
    roster: {
      executors: async (wanted: readonly string[]) => void asked.push(...wanted),
      present: (name: string) => ({ certificate: certificate(name) }),
    },
    records: { sign: async (record: object) => whenSigned.resolve(record) },
    leads: () => leads,
  };
  const rehearsal = new Rehearsal(parts as unknown as RehearsalParts);
  return { rehearsal, time, sealed, asked, signed: whenSigned.promise, lead: () => (leads = true) };
}

test('a standby does what comes first in a take-over, with letters and a record that nobody would obey', async () => {
  const { rehearsal, sealed, asked, signed } = setUp();
  rehearsal.accepted(ENTRY);
  const epoch = { generation: 1, counter: 0 };
  assert.deepEqual(await signed, { kind: 'accepted', manager: 'cm2', epoch, entry: ENTRY });
  assert.deepEqual(asked, ['requester', 'te1', 'te2']);
  assert.deepEqual(
    sealed.map(({ payload, to }) => [payload.type, ...to]),
    [
      ['accepted', 'admin'],
      ['command', 'te1'],
    ],
  );
  for (const { payload } of sealed) {
    assert.equal(payload.expires, 1);
    assert.deepEqual('epoch' in payload && payload.epoch, epoch);
  }
});

test('it does so every five seconds at most, and not while it leads', async () => {
  const { rehearsal, time, asked, signed, lead } = setUp();
  rehearsal.accepted(ENTRY);
  await signed;
  rehearsal.accepted(ENTRY);
  time.pass(5_000);
  rehearsal.accepted(ENTRY);
  lead();
  time.pass(5_000);
  rehearsal.accepted(ENTRY);
  assert.equal(asked.filter((what) => what === 'requester').length, 2);
});
