// Mutation seen red: (1) `ceiling * 2` → `ceiling`; (2) no Math.min with capMs; (3) reset() does nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jitteredBackoff, systemRandom } from './index.ts';

const highest = { bytes: (count: number) => new Uint8Array(count).fill(0xff) };
const lowest = { bytes: (count: number) => new Uint8Array(count) };

test('the ceiling doubles up to the cap, and falls back on reset', () => {
  const backoff = jitteredBackoff({ baseMs: 100, capMs: 500, random: highest });
  assert.deepEqual(
    [backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()],
    [100, 200, 400, 500, 500],
  );
  backoff.reset();
  assert.equal(backoff.next(), 100);
  assert.equal(jitteredBackoff({ baseMs: 100, capMs: 500, random: lowest }).next(), 0);
});

test('a wait is never negative and never above the cap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 }), (baseMs, capMs) => {
      const backoff = jitteredBackoff({ baseMs, capMs, random: systemRandom });
      for (let i = 0; i < 40; i++) {
        const wait = backoff.next();
        assert.ok(wait >= 0 && wait <= capMs);
      }
    }),
  );
});
