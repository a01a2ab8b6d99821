// Mutations seen red: a pause of the whole interval after each answer; trouble stated each time; trouble that keeps the
// exit code of the answer before it; what will not pass waited for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT, Mom4cError } from '@mom4c/core';
import type { Clock } from '@mom4c/core';
import { watch } from './watch.ts';

type Step = number | Mom4cError | Error;

/** Watches through these steps: each takes `took` milliseconds and answers or throws; then Ctrl-C. */
async function through(
  steps: readonly Step[],
  { took = 0, intervalMs = 1000, reason = undefined as unknown } = {},
) {
  let now = 0;
  let asking = 0;
  const began: number[] = [];
  const told: string[] = [];
  const ended = new AbortController();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(ms, callback) {
      let cancelled = false;
      queueMicrotask(() => {
        if (cancelled) return;
        now += ms;
        callback();
      });
      return () => (cancelled = true);
    },
  };
  const code = await watch({
    intervalMs,
    clock,
    signal: ended.signal,
    async ask() {
      assert.equal(asking++, 0, 'one at a time');
      const step = steps[began.length]!;
      began.push(now);
      await Promise.resolve();
      now += took;
      asking--;
      if (began.length === steps.length) ended.abort(reason);
      if (typeof step === 'number') return step;
      throw step;
    },
    trouble: ({ code: named }) => told.push(named),
  });
  return { code, began, told };
}

const away = new Mom4cError('M4C_NO_MANAGER');
const offline = new Mom4cError('M4C_XMPP_OFFLINE');

test('it asks at the interval, and the last answer is the exit code', async () => {
  const { code, began } = await through([EXIT.noAnswer, EXIT.ok, EXIT.partial], { took: 200 });
  assert.equal(code, EXIT.partial);
  assert.deepEqual(began, [0, 1000, 2000]);
});

test('answers that take longer than the interval follow each other, and nothing piles up', async () => {
  const { began } = await through([0, 0, 0, 0], { took: 2500 });
  assert.deepEqual(began, [0, 2500, 5000, 7500]);
});

test('what may pass is stated once, and again after an answer', async () => {
  const { code, told } = await through([0, away, away, offline, 0, away, 0]);
  assert.equal(code, EXIT.ok);
  assert.deepEqual(told, ['M4C_NO_MANAGER', 'M4C_XMPP_OFFLINE', 'M4C_NO_MANAGER']);
});

test('trouble is the last word until there is an answer', async () => {
  // The last step is where Ctrl-C comes: what it throws is not counted.
  assert.equal((await through([EXIT.ok, away, new Mom4cError('M4C_STOPPED')])).code, EXIT.unavailable);
});

test('what does not pass ends it, and so does the end of the session', async () => {
  await assert.rejects(through([0, new Mom4cError('M4C_FORBIDDEN'), 0]), { code: 'M4C_FORBIDDEN' });
  await assert.rejects(through([0, new TypeError('a bug'), 0]), TypeError);
  await assert.rejects(through([0, 0], { reason: new Mom4cError('M4C_XMPP_CONFLICT') }), {
    code: 'M4C_XMPP_CONFLICT',
  });
});

test('stopped before there was anything', async () => {
  await assert.rejects(through([new Mom4cError('M4C_STOPPED')]), { code: 'M4C_STOPPED' });
});
