// Mutation seen red: `$` dropped from the pattern; `Math.round` left out; minutes of 6,000 ms; no bound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDuration } from './index.ts';

test('a number and one unit', () => {
  const good = ['250ms', '5s', '1.5m', '1h', '7d', '0s'];
  assert.deepEqual(good.map(parseDuration), [250, 5000, 90_000, 3_600_000, 604_800_000, 0]);
});

test('anything else is refused', () => {
  for (const bad of [
    '',
    '5',
    's',
    '-1s',
    '1e3s',
    ' 5s',
    '5 s',
    '5sec',
    '1h30m',
    `${'9'.repeat(20)}s`,
    '5s\n',
  ])
    assert.throws(() => parseDuration(bad), { code: 'M4C_BAD_ARGUMENTS' }, bad);
});

test('thousandths of any unit are whole milliseconds, and nothing else is a duration', () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
  fc.assert(
    // Beyond a century a thousandth of a day is less than the numbers of JavaScript tell apart.
    fc.property(
      fc.oneof(fc.nat(36_500), fc.nat(999_999_999)),
      fc.nat(999),
      unit,
      (whole, thousandths, name) => {
        const text = `${whole}.${String(thousandths).padStart(3, '0')}${name}`;
        const exact = Number((BigInt(whole) * 1_000n + BigInt(thousandths)) * BigInt(units[name])) / 1_000;
        if (exact > Number.MAX_SAFE_INTEGER)
          return assert.throws(() => parseDuration(text), { code: 'M4C_BAD_ARGUMENTS' });
        assert.ok(Math.abs(parseDuration(text) - exact) <= (whole > 36_500 ? 2 : 0.5));
        assert.ok(Number.isSafeInteger(parseDuration(text)));
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('0', '1', '9', '.', 'm', 's', 'h', '-', '+', 'e', ' ', '\n') }),
      (text) => {
        if (/^\d{1,9}(\.\d{1,3})?(ms|s|m|h)$/.test(text) && !text.includes('\n')) parseDuration(text);
        else assert.throws(() => parseDuration(text), { code: 'M4C_BAD_ARGUMENTS' });
      },
    ),
  );
});
