// Mutations seen red: the time before the first answer left out; that behind the last one left out; what came before counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longestGap } from './answered.ts';

test('the longest time without an answer is between two, before the first, or behind the last', () => {
  assert.equal(longestGap([10, 20, 60, 70], 0, 80), 40);
  assert.equal(longestGap([50, 60], 0, 80), 50);
  assert.equal(longestGap([10], 0, 80), 70);
  assert.equal(longestGap([], 0, 80), 80);
});

test('what came earlier or later does not count', () => {
  assert.equal(longestGap([5, 40, 50, 200], 30, 60), 10);
});
