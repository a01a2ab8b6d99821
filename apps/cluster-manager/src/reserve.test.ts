// Mutations seen red, one each: no settling; settling that does not begin anew, neither after a change nor after a step; what
// was tried not counted; a timer that goes on after the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asMom4cError } from '@mom4c/core';
import { keepReserve } from './reserve.ts';
import type { ReserveParts } from './reserve.ts';

/** A manager `cm1` that leads and wants one standby, beside the eligible nodes te6 and te7. */
function keeper(act: ReserveParts['desk']['act'] = async () => {}) {
  let now = 0;
  let planned: { at: number; run: () => void } | undefined;
  const ready: string[] = [];
  const asked: string[] = [];
  const parts = {
    member: {
      settings: { name: 'cm1' },
      clock: {
        now: () => now,
        monotonic: () => now,
        after: (ms: number, run: () => void) => {
          planned = { at: now + ms, run };
          return () => (planned = undefined);
        },
      },
      log: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
      errorOf: (thrown: unknown) => asMom4cError(thrown, () => ''),
    },
    roster: {
      eligible: () =>
        ['te6', 'te7'].map((name) => {
          const manager = name.replace('te', 'cm');
          return { name, started: 0, manager: { name: manager, role: 'te', state: 'off', load: 0 } };
        }),
    },
    standbys: { ranked: () => ready, of: () => undefined, heardOf: () => new Set(ready) },
    ...{ node: undefined, wanted: 1, settle: 10_000 },
    desk: {
      act: async (name: string, args: unknown, target: string) => {
        asked.push(`${name} ${JSON.stringify(args)} ${target}`);
        await act(name, args, target);
      },
    },
    handOver: async () => {},
  };
  const end = keepReserve(parts as unknown as ReserveParts);
  const pass = async (ms: number): Promise<void> => {
    for (const until = now + ms; now < until; ) {
      now = Math.min(until, planned?.at ?? until);
      if (planned && planned.at <= now) planned.run();
      await new Promise(setImmediate);
    }
  };
  return { pass, ready, asked, end, isPlanned: () => planned !== undefined };
}

const GIVE = 'noderole {"role":"reserve"}';

test('something is done only when it has been due for as long as settling takes, and then not at once again', async () => {
  const { pass, ready, asked, end, isPlanned } = keeper();
  await pass(9_000);
  ready.push('cm2');
  await pass(2_000);
  ready.pop();
  await pass(9_500);
  assert.deepEqual(asked, []);
  await pass(1_500);
  assert.deepEqual(asked, [`${GIVE} te6`]);
  await pass(9_000);
  assert.equal(asked.length, 1);
  await pass(2_000);
  assert.deepEqual(asked.slice(1), [`${GIVE} te7`], 'another one, since the first has not come');
  end();
  assert.equal(isPlanned(), false);
});

test('what fails is tried again, with another node first', async () => {
  const { pass, asked } = keeper(async () => {
    throw new Error('no journal');
  });
  await pass(35_000);
  assert.deepEqual(asked, [`${GIVE} te6`, `${GIVE} te7`, `${GIVE} te6`]);
});
