// Mutation seen red: `stream.destroy` removed; `afterMs - silence` replaced by `afterMs`; no last
// look; `afterMs` not taken from the caller.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepAlive, LAST_LOOK_MS, PING_AFTER_MS, PING_ANSWER_MS } from './keep-alive.ts';
import type { Silence } from './keep-alive.ts';
import { fakeClock } from './test-fakes.ts';

function setUp(silence?: Silence) {
  const clock = fakeClock();
  const stream = { lastHeard: 0, destroy: () => void (ended = clock.monotonic()) };
  const pings: number[] = [];
  let ended: number | undefined;
  const stop = keepAlive(stream, clock, () => void pings.push(clock.monotonic()), silence);
  return { clock, stream, pings, stop, ended: () => ended };
}

test('a silent server is asked, and given up when it does not answer', () => {
  const { clock, pings, ended } = setUp();
  clock.advance(PING_AFTER_MS + PING_ANSWER_MS + LAST_LOOK_MS);
  assert.deepEqual(pings, [PING_AFTER_MS]);
  assert.equal(ended(), PING_AFTER_MS + PING_ANSWER_MS + LAST_LOOK_MS);
});

test('who is in more of a hurry says so', () => {
  const { clock, pings, ended } = setUp({ afterMs: 1000, answerMs: 500 });
  clock.advance(1500 + LAST_LOOK_MS);
  assert.deepEqual([pings, ended()], [[1000], 1500 + LAST_LOOK_MS]);
});

test('whoever was stopped himself finds the answer unread, and gives nobody up', () => {
  const { clock, stream, ended } = setUp();
  clock.advance(PING_AFTER_MS + PING_ANSWER_MS);
  stream.lastHeard = clock.monotonic();
  clock.advance(LAST_LOOK_MS);
  assert.equal(ended(), undefined);
});

test('octets postpone the question, and answer it', () => {
  const { clock, stream, pings, ended } = setUp();
  clock.advance(20_000);
  stream.lastHeard = clock.monotonic();
  clock.advance(29_999);
  assert.deepEqual(pings, []);
  clock.advance(1);
  assert.deepEqual(pings, [50_000]);
  clock.advance(5_000);
  stream.lastHeard = clock.monotonic();
  clock.advance(30_000);
  assert.deepEqual(pings, [50_000, 85_000]);
  assert.equal(ended(), undefined);
});

test('once stopped it asks no more', () => {
  const { clock, pings, stop, ended } = setUp();
  stop();
  clock.advance(100_000);
  assert.deepEqual([pings, ended()], [[], undefined]);
});
