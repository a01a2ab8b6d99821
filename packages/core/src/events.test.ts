// Mutations seen red: times without milliseconds or with another zone taken; `isAtLeast` the other way round.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventSchema, isAtLeast } from './events.ts';

const event = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  time: '2026-01-02T03:04:05.678Z',
  severity: 'alarm',
  kind: 'node-lost',
  subject: 'te1',
  text: 'gives no sign',
  by: 'cm1',
};

test('a record of an event is taken as it is, and only one that is right', () => {
  assert.deepEqual(eventSchema.parse(event), event);
  const all = { ...event, since: '2026-01-02T03:02:35.000Z', code: 'M4C_NO_ANSWER' };
  assert.deepEqual(eventSchema.parse(all), all);
  const wrong: object[] = [
    { id: '1' },
    { time: '2026-01-02T03:04:05Z' },
    { time: '2026-01-02T03:04:05.678+01:00' },
    { time: 1 },
    { severity: 'fatal' },
    { kind: 'toString' },
    { subject: '../te1' },
    { since: 'yesterday' },
    { code: 'M4C_NO_SUCH' },
    { text: '' },
    { text: 'x'.repeat(301) },
    { by: undefined },
    { more: 1 },
  ];
  for (const change of wrong)
    assert.equal(eventSchema.safeParse({ ...event, ...change }).success, false, JSON.stringify(change));
});

test('an alarm is at least everything, what is no more than information only that', () => {
  assert.ok(isAtLeast('alarm', 'alarm') && isAtLeast('alarm', 'info') && isAtLeast('warning', 'warning'));
  assert.ok(!isAtLeast('info', 'warning') && !isAtLeast('warning', 'alarm'));
});
