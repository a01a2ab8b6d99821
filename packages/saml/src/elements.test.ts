// Mutation seen red: days that do not exist taken for the next one; a fraction of a second not filled up to milliseconds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTime } from './elements.ts';

test('a time in UTC, to the millisecond', () => {
  assert.equal(parseTime('2026-03-01T12:00:00Z'), Date.UTC(2026, 2, 1, 12));
  assert.equal(parseTime('2024-02-29T23:59:59.999Z'), Date.UTC(2024, 1, 29, 23, 59, 59, 999));
  assert.equal(parseTime('2026-03-01T12:00:00.1234567Z'), Date.UTC(2026, 2, 1, 12, 0, 0, 123));
  assert.equal(parseTime('2026-03-01T12:00:00.5Z'), Date.UTC(2026, 2, 1, 12, 0, 0, 500));
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      assert.equal(parseTime(date.toISOString()), date.getTime());
    }),
  );
});

test('no zone, no such day or hour, nothing around it', () => {
  for (const text of [
    '',
    '2026-03-01',
    '2026-03-01T12:00:00',
    '2026-03-01T12:00:00+00:00',
    '2026-03-01T12:00:00z',
    '2026-03-01t12:00:00Z',
    ' 2026-03-01T12:00:00Z',
    '2026-03-01T12:00:00Z\n',
    '2026-02-29T12:00:00Z',
    '2026-02-30T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-03-01T12:60:00Z',
    '2026-03-01T12:00:60Z',
    '-2026-03-01T12:00:00Z',
    '12026-03-01T12:00:00Z',
    '2026-03-01T12:00:00.Z',
    '2026-03-01T12:00:00.1234567890Z',
    '\u0662026-03-01T12:00:00Z',
  ])
    assert.equal(parseTime(text), undefined, JSON.stringify(text));
});
