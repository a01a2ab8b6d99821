// Mutation seen red: no limit of all; what has expired not forgotten.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXECUTION_MS, Executions, MAX_EXECUTIONS } from './ad-hoc-sessions.ts';
import { countingRandom, fakeClock, isError } from './test-fakes.ts';

test('all executions together are bounded, and time makes room', () => {
  const clock = fakeClock();
  const executions = new Executions({ clock, random: countingRandom() });
  for (let count = 0; count < MAX_EXECUTIONS; count++)
    executions.begin(`p${count}@people.alpha.test/x`, 'ping');
  assert.throws(() => executions.begin('ann@people.alpha.test/x', 'ping'), isError('M4C_BUSY'));
  clock.advance(EXECUTION_MS);
  executions.begin('ann@people.alpha.test/x', 'ping');
  assert.equal(executions.size, 1);
});
