// Mutation seen red, each in the test named: (1) any role believed, (2) the name of the manager not compared ("only a manager");
// (3) unknown fields let through ("hostile"); (4) payloads with further fields let through, by strictObject → object in
// payload.ts ("neither").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JournalRecord, Role } from '@mom4c/core';
import { decodePayload, encodePayload, type Payload } from './payload.ts';
import { journalRecords, MAX_RECORD } from './journal-record.ts';
import { fakeCertificate, fakeSigner, fakeVerifier } from './test-fakes.ts';

const cm1 = fakeCertificate('cm1', 'cm');
const cm2 = fakeCertificate('cm2', 'cm');
const te1 = fakeCertificate('te1', 'te');
const verifier = fakeVerifier([cm1, cm2, te1]);
const records = journalRecords(fakeSigner(cm1), verifier);
const ID = '0190a000-0000-7000-8000-000000000001';
const epoch = { generation: 1, counter: 7 };
const octets = fc.uint8Array({ maxLength: 200 });
const entry = {
  id: ID,
  command: 'ping',
  requester: 'admin@alpha.test/cli',
  acceptedAt: 1,
  deadline: 2,
  evidence: Uint8Array.of(1, 2, 3),
  targets: ['te1', 'te2'],
};

const anyRecord: fc.Arbitrary<JournalRecord> = fc
  .tuple(fc.maxSafeNat(), fc.maxSafeNat(), octets, fc.constantFrom('lead', 'accepted', 'finished'))
  .map(([generation, counter, some, kind]): JournalRecord => {
    const common = { manager: 'cm1', epoch: { generation, counter } };
    if (kind === 'lead') return { ...common, kind };
    if (kind === 'finished') return { ...common, kind, id: ID, outcome: some };
    return { ...common, kind: 'accepted', entry: { ...entry, evidence: some } };
  });

test('what is signed is opened again', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecord, async (record) => {
      assert.deepEqual(await records.open(await records.sign(record)), record);
    }),
    { numRuns: 200 },
  );
});

test('only a manager is believed, and only in its own name', async () => {
  const record = { kind: 'finished', manager: 'cm1', epoch, id: ID, outcome: Uint8Array.of(1) } as const;
  const content = contentOf(await records.sign(record));
  const signedBy = (name: string, role: Role) =>
    fakeSigner(fakeCertificate(name, role)).signEnclosed(content);
  assert.deepEqual(await records.open(await signedBy('cm1', 'cm')), record);
  await assert.rejects(records.open(await signedBy('cm2', 'cm')), { code: 'M4C_SENDER_MISMATCH' });
  await assert.rejects(records.open(await signedBy('te1', 'te')), { code: 'M4C_FORBIDDEN' });
  await assert.rejects(records.open(await signedBy('nobody', 'cm')), { code: 'M4C_CERTIFICATE_UNKNOWN' });
  await assert.rejects(records.sign({ ...record, manager: 'cm2' }), TypeError);
});

test('hostile records are refused', async () => {
  const lead = { record: 'lead', manager: 'cm1', epoch };
  const accepted = { record: 'accepted', manager: 'cm1', epoch, entry: { ...entry, evidence: 'AQID' } };
  const finished = { record: 'finished', manager: 'cm1', epoch, id: ID, outcome: '' };
  for (const good of [lead, accepted, finished]) await open(good);
  const hostile: unknown[] = [
    null,
    [],
    'lead',
    {},
    { ...lead, record: 'led' },
    { ...lead, record: '__proto__' },
    { ...lead, more: 1 },
    { ...lead, key: '' },
    { ...lead, epoch: { generation: 1 } },
    { ...lead, epoch: { generation: 1, counter: -1 } },
    { ...lead, epoch: { generation: 1, counter: 2 ** 53 } },
    { ...lead, manager: '../cm1' },
    { ...accepted, entry: { ...accepted.entry, id: 'x' } },
    { ...accepted, entry: { ...accepted.entry, command: 'Ping' } },
    { ...accepted, entry: { ...accepted.entry, requester: 'a'.repeat(4000) } },
    { ...accepted, entry: { ...accepted.entry, targets: Array(5001).fill('te1') } },
    { ...accepted, entry: { ...accepted.entry, targets: ['a b'] } },
    { ...accepted, entry: { ...accepted.entry, more: 1 } },
    { ...finished, id: undefined },
    { ...finished, outcome: [1, 2] },
  ];
  for (const value of hostile)
    await assert.rejects(open(value), { code: 'M4C_MALFORMED' }, JSON.stringify(value).slice(0, 100));
  await assert.rejects(openOctets(Buffer.from([0x22, 0xff, 0x22])), { code: 'M4C_MALFORMED' });
  const large = Buffer.from(JSON.stringify(lead).padEnd(MAX_RECORD + 1));
  await assert.rejects(openOctets(large), { code: 'M4C_TOO_LARGE' });
});

test('what is too large or not well-formed is not signed', async () => {
  const evidence = new Uint8Array(200_000);
  const accepted = { kind: 'accepted', manager: 'cm1', epoch, entry: { ...entry, evidence } } as const;
  await assert.rejects(records.sign(accepted), { code: 'M4C_TOO_LARGE' });
  const bad = { ...accepted, entry: { ...entry, id: 'x' } };
  await assert.rejects(records.sign(bad), { code: 'M4C_MALFORMED' });
  // A request and its targets at their largest.
  const most = { ...entry, evidence: new Uint8Array(132_000), targets: Array(900).fill('t'.repeat(63)) };
  await records.sign({ ...accepted, entry: most });
});

test('neither is a record a payload, nor a payload a record, whatever one adds', async () => {
  const payload: Payload = {
    id: ID,
    from: 'cm@alpha.test',
    to: 'te1@alpha.test',
    time: 1,
    expires: 2,
    type: 'command',
    epoch,
    name: 'ping',
    args: { record: 'lead' },
  };
  const signed = await fakeSigner(cm1).signEnclosed(encodePayload(payload));
  await assert.rejects(records.open(signed), { code: 'M4C_MALFORMED' });
  await fc.assert(
    fc.asyncProperty(anyRecord, async (record) => {
      const content = contentOf(await records.sign(record));
      assert.throws(() => decodePayload(content), { code: 'M4C_MALFORMED' });
      // One that is both would have the fields of both.
      const both = Buffer.from(JSON.stringify({ ...JSON.parse(content.toString()), ...payload }));
      assert.throws(() => decodePayload(both), { code: 'M4C_MALFORMED' });
      await assert.rejects(openOctets(both), { code: 'M4C_MALFORMED' });
    }),
    { numRuns: 50 },
  );
});

const openOctets = async (content: Uint8Array) => records.open(await fakeSigner(cm1).signEnclosed(content));
const open = (value: unknown) => openOctets(Buffer.from(JSON.stringify(value)));

/** Of the stamp that the fake signer makes. */
function contentOf(signed: Uint8Array): Buffer {
  return Buffer.from(JSON.parse(Buffer.from(signed).toString()).content, 'base64');
}
