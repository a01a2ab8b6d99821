// Mutations seen red: `events` without a bound; an empty list of events; an unknown field in an event; `leaving: false`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVENT_KINDS, EVENT_SEVERITIES, ERRORS, Mom4cError } from '@mom4c/core';
import type { ErrorCode, EventKind, EventRecord } from '@mom4c/core';
import { MAX_EVENTS, decodePayload, encodePayload } from './payload.ts';
import type { Payload } from './payload.ts';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const epoch = { generation: 1, counter: 7 };
const direct = { id: ID, from: 'cm@alpha.test', to: 'admin@alpha.test', time: 1000, expires: 2000 };
const octets = (value: unknown) => Buffer.from(JSON.stringify(value));
const malformed = (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === 'M4C_MALFORMED';

const uuid = fc.uuid({ version: 7 }).map((text) => text.toLowerCase());
const instant = fc.integer({ min: 0, max: Date.UTC(9999, 0) }).map((ms) => new Date(ms).toISOString());
const name = fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/);
const event: fc.Arbitrary<EventRecord> = fc.record(
  {
    id: uuid,
    time: instant,
    severity: fc.constantFrom(...EVENT_SEVERITIES),
    kind: fc.constantFrom(...(Object.keys(EVENT_KINDS) as EventKind[])),
    subject: name,
    since: instant,
    code: fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[])),
    text: fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }).filter((text) => text.length <= 300),
    by: name,
  },
  { requiredKeys: ['id', 'time', 'severity', 'kind', 'subject', 'text', 'by'] },
);
const events = fc.array(event, { minLength: 1, maxLength: 20 });

test('what is said of events survives encoding, whatever happened', () => {
  const payload: fc.Arbitrary<Payload> = fc.oneof(
    fc
      .record(
        { severity: fc.constantFrom(...EVENT_SEVERITIES), after: uuid, since: fc.nat() },
        { requiredKeys: [] },
      )
      .map((asked) => ({ ...direct, type: 'subscribe' as const, ...asked })),
    fc
      .tuple(events, fc.boolean(), fc.boolean(), fc.option(uuid, { nil: undefined }))
      .map(([list, gap, more, last]) => ({
        ...{ ...direct, type: 'subscribed' as const, epoch, lifetime: 60_000, events: list, gap, more, last },
      })),
    fc.tuple(events, fc.boolean()).map(([list, gap]) => ({
      ...{ ...direct, type: 'events' as const, epoch, events: list, gap },
    })),
  );
  fc.assert(
    fc.property(payload, (sent) => {
      assert.deepEqual(decodePayload(encodePayload(sent)), JSON.parse(JSON.stringify(sent)));
    }),
  );
});

test('one field of an event that is wrong, or too much, refuses all of it', () => {
  const field = fc.constantFrom(
    'id',
    'time',
    'severity',
    'kind',
    'subject',
    'text',
    'by',
    'since',
    'code',
    'x',
  );
  const value = fc.oneof(
    fc.integer(),
    fc.constant(null),
    fc.constant(''),
    fc.constant('\u001b[2J '),
    fc.constant([]),
  );
  fc.assert(
    fc.property(event, field, value, (one, key, wrong) => {
      if (key === 'text' && wrong === '\u001b[2J ') return;
      const payload = { ...direct, type: 'events', epoch, gap: false };
      assert.equal(decodePayload(octets({ ...payload, events: [one] })).type, 'events');
      assert.throws(
        () => decodePayload(octets({ ...payload, events: [{ ...one, [key]: wrong }] })),
        malformed,
      );
    }),
  );
});

test('lists of events are bounded, and none is empty', () => {
  const [one] = fc.sample(event, 1);
  const small = { ...one, text: 'x', since: undefined, code: undefined };
  const payload = (count: number) =>
    octets({ ...direct, type: 'events', epoch, gap: false, events: Array(count).fill(small) });
  assert.equal(decodePayload(payload(MAX_EVENTS)).type, 'events');
  for (const count of [0, MAX_EVENTS + 1]) assert.throws(() => decodePayload(payload(count)), malformed);
});

test('whoever leaves says so, or says nothing of it', () => {
  const presence = { ...direct, from: 'te1@alpha.test', to: 'cm@alpha.test', version: '1', started: 1 };
  const standing = { ...presence, type: 'standing', ready: false };
  for (const payload of [{ ...presence, type: 'presence' }, standing]) {
    assert.equal(decodePayload(octets({ ...payload, leaving: true })).type, payload.type);
    assert.throws(() => decodePayload(octets({ ...payload, leaving: false })), malformed);
  }
});
