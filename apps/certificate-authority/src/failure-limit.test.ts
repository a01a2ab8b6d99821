/** Mutation seen red: the oldest address not dropped when the table is full. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureLimit } from './failure-limit.ts';

function setUp() {
  let now = 0;
  return { limit: new FailureLimit({ monotonic: () => now }), advance: (ms: number) => (now += ms) };
}

function fail(limit: FailureLimit, address: string, times: number): void {
  for (let count = 0; count < times; count++) limit.fail(address);
}

test('too many failures block that address alone, until the window ends', () => {
  const { limit, advance } = setUp();
  fail(limit, 'a', FailureLimit.MAX_FAILURES - 1);
  assert.equal(limit.isBlocked('a'), false);
  fail(limit, 'a', 1);
  assert.equal(limit.isBlocked('a'), true);
  assert.equal(limit.isBlocked('b'), false);
  advance(FailureLimit.WINDOW_MS - 1);
  assert.equal(limit.isBlocked('a'), true);
  advance(1);
  assert.equal(limit.isBlocked('a'), false);
  fail(limit, 'a', 1);
  assert.equal(limit.isBlocked('a'), false);
});

test('memory is bounded: the oldest window is forgotten', () => {
  const { limit } = setUp();
  fail(limit, 'first', FailureLimit.MAX_FAILURES);
  for (let count = 0; count < FailureLimit.MAX_ADDRESSES - 1; count++) limit.fail(`address ${count}`);
  assert.equal(limit.isBlocked('first'), true);
  limit.fail('one more');
  assert.equal(limit.isBlocked('first'), false);
});
