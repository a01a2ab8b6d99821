// Mutations seen red: the abort not listened to; a signal that was aborted before not looked at; the timer not cancelled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pause } from './pause.ts';

function manualClock() {
  let pending: (() => void) | undefined;
  return {
    after(_ms: number, callback: () => void) {
      pending = callback;
      return () => (pending = undefined);
    },
    fire: () => pending?.(),
    isIdle: () => pending === undefined,
  };
}

const LIMIT = { timeout: 5000 };

test('a pause ends with its time', LIMIT, async () => {
  const clock = manualClock();
  let over = false;
  const paused = pause(1000, clock, new AbortController().signal).then(() => (over = true));
  await new Promise(setImmediate);
  assert.equal(over, false);
  clock.fire();
  await paused;
});

test('or with the signal, during it or before, and leaves no timer behind', LIMIT, async () => {
  const during = manualClock();
  const abort = new AbortController();
  const paused = pause(1000, during, abort.signal);
  abort.abort();
  await paused;
  assert.ok(during.isIdle());
  const before = manualClock();
  await pause(1000, before, AbortSignal.abort());
  assert.ok(before.isIdle());
});
