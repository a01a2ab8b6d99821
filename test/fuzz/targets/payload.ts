/** What is signed: JSON of one of the known types. */
import { decodePayload, encodePayload } from '@mom4c/messaging';
import { COMMAND } from '../constants.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

const head = { id: COMMAND.id, from: 'cm1@alpha.test', time: COMMAND.time, expires: COMMAND.expires };
const direct = { ...head, to: 'te1@alpha.test' };
const room = 'cluster@conference.alpha.test';
const { epoch } = COMMAND;
const event = {
  id: COMMAND.id,
  time: '2026-01-02T03:04:05.678Z',
  severity: 'alarm',
  kind: 'node-lost',
  subject: 'te1',
  since: '2026-01-02T03:02:35.000Z',
  code: 'M4C_NO_ANSWER',
  text: 'gives no sign',
  by: 'cm1',
};

export const PAYLOADS: readonly object[] = [
  COMMAND,
  { ...COMMAND, to: 'te1@alpha.test', args: { match: '漢*', list: [1, null, { a: true }] } },
  { ...direct, type: 'request', name: 'readsensor', args: { n: 'a' }, targets: ['te1'], timeout: 5_000 },
  { ...direct, type: 'accepted', epoch, targets: ['te1', 'te2'], deadline: COMMAND.expires },
  { ...direct, type: 'rejected', error: { code: 'M4C_BUSY', detail: 'later', correlation: 'x' } },
  {
    ...direct,
    type: 'outcome',
    epoch,
    name: 'ping',
    outcomes: [
      { target: 'te1', state: 'ok', result: { sensors: [{ n: 'cpu', v: 41.5, u: 'Cel' }] } },
      { target: 'te2', state: 'no-answer', error: { code: 'M4C_NO_ANSWER' } },
    ],
  },
  { ...direct, type: 'result', state: 'failed', error: { code: 'M4C_FROM_THE_FUTURE', detail: 'x' } },
  { ...direct, type: 'result', state: 'unknown', error: { code: 'M4C_OUTCOME_UNKNOWN' } },
  { ...head, to: { room, targets: ['te1'] }, type: 'inquiry', epoch, ids: [head.id] },
  { ...direct, type: 'join', version: '0.1.0' },
  { ...direct, type: 'joined', epoch, room, key: { id: '5e'.repeat(16), secret: `${'A'.repeat(43)}=` } },
  { ...direct, type: 'presence', version: '0.1.0', started: 1 },
  { ...direct, type: 'presence', version: '0.1.0', started: 1, leaving: true },
  {
    ...direct,
    type: 'subscribe',
    severity: 'alarm',
    after: COMMAND.id,
    since: 1,
    onBehalfOf: 'ann@people.test',
  },
  {
    ...direct,
    ...{ type: 'subscribed', epoch, lifetime: 60_000, events: [event], gap: true, more: false },
    last: COMMAND.id,
  },
  { ...direct, type: 'events', epoch, after: COMMAND.id, events: [event], gap: false },
  {
    ...head,
    to: { room, targets: '*' },
    type: 'leadership',
    epoch,
    key: 'ab'.repeat(16),
    manager: 'cm1',
    managers: ['cd'.repeat(32)],
    standbys: ['cm2'],
  },
];

export const payload: Target = {
  name: 'payload',
  grammar: 'json',
  weight: 25,
  seeds: PAYLOADS.map((value) => Buffer.from(JSON.stringify(value))),
  run: (input) =>
    verdictOf(() => {
      const read = decodePayload(input);
      // What was read can be said again, and means the same.
      const again = decodePayload(encodePayload(read));
      // As text: JSON has a zero below zero, which is the same number.
      if (JSON.stringify(again) !== JSON.stringify(read))
        throw new Finding(`read anew it is another: ${JSON.stringify(read)}`);
    }, ['M4C_MALFORMED', 'M4C_TOO_LARGE']),
};
