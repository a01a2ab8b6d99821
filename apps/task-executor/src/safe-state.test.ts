// Mutations seen red, one each: the safe values set again and again; counted from the start in place of the last leader;
// a leader that came back not counted; looked at after the stop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchLeader } from './safe-state.ts';

/** A clock that a test moves, and what it has called back for. */
function handClock() {
  let now = 0;
  let planned: { at: number; callback: () => void } | undefined;
  return {
    monotonic: () => now,
    after(ms: number, callback: () => void) {
      planned = { at: now + ms, callback };
      return () => (planned = undefined);
    },
    pass(ms: number) {
      const end = now + ms;
      while (planned && planned.at <= end) {
        const { at, callback } = planned;
        planned = undefined;
        now = at;
        callback();
      }
      now = end;
    },
  };
}

function watched(isLed: boolean) {
  const clock = handClock();
  const stop = new AbortController();
  const state = { isLed, safe: 0 };
  watchLeader({
    isLed: () => state.isLed,
    after: 60_000,
    makeSafe: () => (state.safe += 1),
    clock,
    signal: stop.signal,
  });
  return { clock, state, stop };
}

test('without a leader for so long, once; and again only after there was one', () => {
  const { clock, state } = watched(true);
  clock.pass(600_000);
  state.isLed = false;
  clock.pass(59_000);
  assert.equal(state.safe, 0, 'not yet');
  clock.pass(3_000);
  assert.equal(state.safe, 1);
  clock.pass(600_000);
  assert.equal(state.safe, 1, 'once');
  state.isLed = true;
  clock.pass(1_000);
  state.isLed = false;
  clock.pass(59_000);
  assert.equal(state.safe, 1);
  clock.pass(3_000);
  assert.equal(state.safe, 2);
});

test('a leader that comes back in time changes nothing', () => {
  const { clock, state } = watched(true);
  for (let round = 0; round < 5; round++) {
    state.isLed = false;
    clock.pass(50_000);
    state.isLed = true;
    clock.pass(1_000);
  }
  assert.equal(state.safe, 0);
});

test('a node that never was led is safe as well, and one that stops does nothing any more', () => {
  const { clock, state, stop } = watched(false);
  clock.pass(61_000);
  assert.equal(state.safe, 1);
  const other = watched(false);
  other.stop.abort();
  other.clock.pass(120_000);
  assert.equal(other.state.safe, 0);
  stop.abort();
});
