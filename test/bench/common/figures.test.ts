// Mutation seen red: the share of a percentile taken from the wrong end; look-ups of the last process only; the seconds of
// the first slice only.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureOf, percentile, pooled } from './figures.ts';

const LATENCIES = Array.from({ length: 100 }, (_, index) => index + 1);

test('a percentile is the value that this share of all stay below', () => {
  assert.equal(percentile(LATENCIES, 0.5), 51);
  assert.equal(percentile(LATENCIES, 0.99), 100);
  assert.equal(percentile([7], 0.99), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

const measured = { seconds: 2, latencies: LATENCIES, errors: {} };
const before = { client: { cpu: 1, lookups: 5 }, server: { cpu: 10 } };
const after = { client: { cpu: 1.5, lookups: 7 }, server: { cpu: 10.1 } };

test('a figure has what each process used and asked between two looks, per answer', () => {
  const { perSecond, cpu, lookups } = figureOf('plain', 4, measured, before, after);
  assert.equal(perSecond, 50);
  assert.deepEqual(cpu, { client: 5, server: 1 });
  assert.equal(lookups, 2);
});

test('slices are pooled to one measurement', () => {
  const slices = [
    { seconds: 1, latencies: [2, 4], errors: { M4C_TIMEOUT: 1 } },
    { seconds: 2, latencies: [1, 3], errors: { M4C_TIMEOUT: 2, M4C_BUSY: 1 } },
  ];
  assert.deepEqual(pooled(slices), {
    seconds: 3,
    latencies: [1, 2, 3, 4],
    errors: { M4C_TIMEOUT: 3, M4C_BUSY: 1 },
  });
});
