// Mutation seen red: ever longer pauses, of up to ten seconds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError, silentLog, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import type { Clock } from '@mom4c/core';
import { startOutcomePublisher } from './outcome-publisher.ts';

test('an outcome is in the log half a second after the stream is back, however long that was away', async () => {
  const pauses: number[] = [];
  const clock: Clock = {
    ...systemClock,
    after(milliseconds, call) {
      pauses.push(milliseconds);
      return systemClock.after(0, call);
    },
  };
  let left = 50;
  const outcomes = startOutcomePublisher({
    async publish() {
      if (left-- > 0) throw new Mom4cError('M4C_NO_QUORUM');
      return true;
    },
    ...{ leads: () => true, clock, log: silentLog },
  });
  await outcomes.add(uuidv7(systemClock, systemRandom));
  assert.equal(pauses.length, 50);
  assert.ok(Math.max(...pauses) <= 500, String(pauses));
  await outcomes.close();
});
