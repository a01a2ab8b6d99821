// Mutations seen red: giving up the smallest first; leaving out what does not fit; never giving up; details kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '@mom4c/messaging';
import { fitOutcomes } from './fit-outcomes.ts';

const outcome = (target: string, octets: number): Outcome => ({
  target,
  state: 'ok',
  result: 'x'.repeat(octets),
});

test('what fits is left alone', () => {
  const outcomes = [outcome('te1', 10), outcome('te2', 1000)];
  assert.deepEqual(fitOutcomes(outcomes, 100_000), outcomes);
});

test('the largest goes first, stated', () => {
  const [te1, te2, te3] = fitOutcomes(
    [outcome('te1', 100), outcome('te2', 90_000), outcome('te3', 100)],
    10_000,
  );
  assert.deepEqual([te1!.state, te3!.state], ['ok', 'ok']);
  assert.equal(te2!.state, 'failed');
  assert.equal(te2!.error?.code, 'M4C_TOO_LARGE');
});

test('with very many targets the details of errors go as well', () => {
  const long = (index: number) => `${index}`.padEnd(64, 'x');
  const absent = Array.from({ length: 900 }, (_, index): Outcome => {
    const error = { code: 'M4C_TARGET_ABSENT' as const, detail: 'd'.repeat(400) };
    return { target: long(index), state: 'no-answer', error };
  });
  const capacity = 127 * 1024;
  const fitted = fitOutcomes(absent, capacity);
  assert.ok(Buffer.byteLength(JSON.stringify(fitted)) <= capacity);
  assert.deepEqual(new Set(fitted.map(({ error }) => error?.code)), new Set(['M4C_TARGET_ABSENT']));
  assert.equal(fitted.length, 900);
});

test('every target keeps its line and its place, and the whole fits', () => {
  const sizes = fc.array(fc.nat(5000), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(sizes, (octets) => {
      const outcomes = octets.map((size, index) => outcome(`te${index}`, size));
      // What is left of a target that was given up has to fit for all of them.
      const capacity = Math.max(20_000, outcomes.length * 200);
      const fitted = fitOutcomes(outcomes, capacity);
      assert.deepEqual(
        fitted.map(({ target }) => target),
        outcomes.map(({ target }) => target),
      );
      assert.ok(Buffer.byteLength(JSON.stringify(fitted)) <= capacity + 2);
    }),
  );
});
