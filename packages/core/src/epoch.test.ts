// Mutation seen red: counters compared before generations.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareEpochs } from './epoch.ts';

test('epochs compare by generation first', () => {
  const sorted = [
    [1, 9],
    [2, 1],
    [2, 2],
  ].map(([generation, counter]) => ({ generation: generation!, counter: counter! }));
  assert.deepEqual([sorted[2]!, sorted[0]!, sorted[1]!].sort(compareEpochs), sorted);
});
