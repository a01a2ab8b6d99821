// Mutation seen red: (1) the number in the header not compared; (2) the length of `detail` not bounded; (3) the error
// headers not looked at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, Mom4cError, type ErrorCode } from '@mom4c/core';
import fc from 'fast-check';
import { decodeReply, encodeJson } from './wire-errors.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];
const text = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function errorOf(action: () => unknown): Mom4cError {
  try {
    action();
  } catch (error) {
    if (error instanceof Mom4cError) return error;
    throw error;
  }
  return assert.fail('was accepted');
}

test('every error of the catalogue survives the way', () => {
  for (const code of codes) {
    const sent = new Mom4cError(code, 'why', { correlation: 'c1' });
    const data = encodeJson(sent.toBody());
    const got = errorOf(() => decodeReply({ error: code, errorCode: String(ERRORS[code].number), data }));
    assert.deepEqual(got.toBody(), sent.toBody());
  }
});

test('any JSON survives the way', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const data = encodeJson(value);
      assert.deepEqual(decodeReply({ error: '', errorCode: '', data }), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('what is neither an answer nor an error of the catalogue is M4C_BAD_RESULT', () => {
  const body = { code: 'M4C_BUSY' };
  const cases: [string, string, Uint8Array][] = [
    ['', '', text('{')],
    ['', '', Uint8Array.of(0xff)],
    ['', '', text('')],
    ['M4C_BUSY', '', text(body)],
    ['', '105', text(body)],
    ['M4C_BUSY', '106', text(body)],
    ['M4C_TIMEOUT', '106', text(body)],
    ['M4C_NOTHING', '105', text({ code: 'M4C_NOTHING' })],
    ['toString', '105', text({ code: 'toString' })],
    ['M4C_BUSY', '105', text('null')],
    ['M4C_BUSY', '105', text({ ...body, detail: 'x'.repeat(501) })],
    ['M4C_BUSY', '105', text({ ...body, detail: {} })],
    ['M4C_BUSY', '105', text({ ...body, correlation: 'x'.repeat(65) })],
  ];
  for (const [error, errorCode, data] of cases)
    assert.equal(
      errorOf(() => decodeReply({ error, errorCode, data })).code,
      'M4C_BAD_RESULT',
      `${error} ${errorCode}`,
    );
});
