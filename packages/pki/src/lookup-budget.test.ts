// Mutations seen red: one account for all; nothing given back with time; more given back than the burst.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LookupBudget } from './lookup-budget.ts';
import { fault } from './test-domain.ts';

function setUp() {
  let now = 0;
  const budget = new LookupBudget({ monotonic: () => now });
  const spend = (asker: string, times: number): void => {
    for (let index = 0; index < times; index++) budget.spend(asker);
  };
  return { spend, advance: (ms: number) => (now += ms) };
}

test('ten questions at once, then one a second, of each sender for itself', () => {
  const { spend, advance } = setUp();
  spend('te3', 10);
  assert.throws(() => spend('te3', 1), fault('M4C_BUSY'));
  spend('te4', 10);
  advance(2500);
  spend('te3', 2);
  assert.throws(() => spend('te3', 1), fault('M4C_BUSY'));
});

test('whoever asks nothing for long does not save up', () => {
  const { spend, advance } = setUp();
  spend('te3', 10);
  advance(1e9);
  spend('te3', 10);
  assert.throws(() => spend('te3', 1), fault('M4C_BUSY'));
});
