// Mutation seen red: `$` dropped from the pattern.
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
