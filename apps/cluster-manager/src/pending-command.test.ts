// Mutation seen red: returning only the outcomes that arrived; letting a second outcome of a target replace the first.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';
import { PendingCommand } from './pending-command.ts';

function manualClock(): Pick<Clock, 'after'> & { fire(): void } {
  let pending: (() => void) | undefined;
  return {
    after(_ms, callback) {
      pending = callback;
      return () => (pending = undefined);
    },
    fire: () => pending?.(),
  };
}

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';

test('whatever arrives, in whatever order and however often: one outcome per target, the first, and exactly one end', () => {
  const target = fc.constantFrom('te1', 'te2', 'te3', 'te4', 'stranger');
  const state = fc.constantFrom<Outcome['state']>('ok', 'refused', 'failed');
  fc.assert(
    fc.property(fc.array(fc.record({ target, state })), (arrivals) => {
      const clock = manualClock();
      const targets = ['te1', 'te2', 'te3'];
      const ends: Outcome[][] = [];
      const pending = new PendingCommand(ID, targets, 1000, clock, (outcomes) => ends.push(outcomes));
      for (const arrival of arrivals) pending.settle(arrival);
      clock.fire();
      for (const arrival of arrivals)
        assert.equal(pending.settle(arrival), false, 'nothing counts after the end');
      assert.equal(ends.length, 1);
      const outcomes = ends[0]!;
      assert.deepEqual(
        outcomes.map((outcome) => outcome.target),
        targets,
      );
      for (const outcome of outcomes) {
        const first = arrivals.find((arrival) => arrival.target === outcome.target);
        assert.equal(outcome.state, first?.state ?? 'no-answer');
      }
    }),
  );
});

test('the end does not wait for the deadline when all have answered, and abandoning makes none', () => {
  const ends: Outcome[][] = [];
  const clock = manualClock();
  const complete = new PendingCommand(ID, ['te1'], 1000, clock, (outcomes) => ends.push(outcomes));
  complete.settle({ target: 'te1', state: 'ok', result: {} });
  assert.equal(ends.length, 1);
  const abandoned = new PendingCommand(ID, ['te1'], 1000, clock, (outcomes) => ends.push(outcomes));
  abandoned.abandon();
  clock.fire();
  assert.equal(ends.length, 1);
});
