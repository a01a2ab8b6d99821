// Mutations seen red: C1 left as it is in JSON; format characters left; a character outside of the BMP escaped as one unit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printable, printableJson } from './printable.ts';

const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/u;
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\u001b',
      '\u009b',
      '\u007f',
      '\u202e',
      '\u2066',
      '\u2028',
      '\u0000',
      '\r',
      '\n',
      '\u{e0041}',
      '\ud800',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

test('whatever a device writes, nothing of it steers a terminal', () => {
  fc.assert(fc.property(hostile, (text) => assert.doesNotMatch(printable(text), STEERING)));
});

test('JSON says the same, and steers nothing either', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const json = printableJson(JSON.stringify({ text }));
      assert.doesNotMatch(json, STEERING);
      assert.deepEqual(JSON.parse(json), { text });
    }),
  );
});
