// Mutations seen red: the parent not listened to; a parent that was aborted before not looked at; the timer left after
// `clear`; the listener left at the parent.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { deadlineWithin } from './deadline.ts';

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

test('it fires after its time, with its parent, or at once under a parent that has fired', () => {
  const clock = manualClock();
  const timed = deadlineWithin(new AbortController().signal, 10, clock);
  assert.equal(timed.signal.aborted, false);
  clock.fire();
  assert.equal(timed.signal.aborted, true);

  const parent = new AbortController();
  const child = deadlineWithin(parent.signal, 10, clock);
  parent.abort();
  assert.equal(child.signal.aborted, true);
  assert.ok(clock.isIdle());

  assert.equal(deadlineWithin(AbortSignal.abort(), 10, clock).signal.aborted, true);
  assert.ok(clock.isIdle());
});

test('nothing stays behind once it is cleared', () => {
  const clock = manualClock();
  const parent = new AbortController();
  const deadline = deadlineWithin(parent.signal, 10, clock);
  assert.equal(getEventListeners(parent.signal, 'abort').length, 1);
  deadline.clear();
  assert.ok(clock.isIdle());
  assert.equal(getEventListeners(parent.signal, 'abort').length, 0);
  parent.abort();
  assert.equal(deadline.signal.aborted, false);
});
