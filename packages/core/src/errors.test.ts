// Mutations seen red: two entries with one number; the detail not cut; the text of a bug as detail.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, Mom4cError, asMom4cError, isErrorCode } from './errors.ts';

test('numbers are unique, and each entry says what to do', () => {
  const entries = Object.entries(ERRORS);
  assert.equal(new Set(entries.map(([, { number }]) => number)).size, entries.length);
  for (const [code, { text, fix, exit }] of entries) {
    assert.match(code, /^M4C_[A-Z_]{1,40}$/);
    assert.match(text, /\.$/, code);
    assert.match(fix, /\.$/, code);
    assert.ok(exit > 0, `${code} is no success`);
  }
});

test('what was not foreseen becomes M4C_INTERNAL, and its text stays here', () => {
  const bugs: unknown[] = [];
  const error = asMom4cError(
    new Error('password is hunter2'),
    () => 'id-1',
    (bug) => bugs.push(bug),
  );
  assert.equal(error.code, 'M4C_INTERNAL');
  assert.deepEqual(error.toBody(), { code: 'M4C_INTERNAL', detail: undefined, correlation: 'id-1' });
  assert.equal(bugs.length, 1);
  const known = new Mom4cError('M4C_BUSY');
  assert.equal(
    asMom4cError(known, () => 'id-2'),
    known,
  );
});

test('what crosses the wire is bounded', () => {
  assert.equal(new Mom4cError('M4C_BUSY', 'x'.repeat(10_000)).toBody().detail?.length, 500);
});

test('only codes of the table are codes, and only "wait" may be tried again', () => {
  for (const no of ['toString', '__proto__', 'M4C_NOPE', '', 7, undefined])
    assert.equal(isErrorCode(no), false);
  assert.equal(isErrorCode('M4C_BUSY'), true);
  assert.equal(new Mom4cError('M4C_BUSY').retryable, true);
  assert.equal(new Mom4cError('M4C_FORBIDDEN').retryable, false);
});
