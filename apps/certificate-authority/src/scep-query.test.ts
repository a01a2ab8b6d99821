// Mutation seen red: `new URL` in place of `URL.parse` (its TypeError was a status 500); plus signs not restored.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readScepQuery } from './scep-query.ts';

test('operation and message are read, with plus signs escaped or not', () => {
  const message = Buffer.from('fbefbe00', 'hex');
  const base64 = message.toString('base64');
  assert.ok(base64.includes('+'));
  for (const sent of [base64, encodeURIComponent(base64)])
    assert.deepEqual(readScepQuery(`/scep?operation=PKIOperation&message=${sent}`), {
      path: '/scep',
      operation: 'PKIOperation',
      message,
    });
  assert.deepEqual(readScepQuery('/'), { path: '/', operation: '', message: Buffer.alloc(0) });
});

test('a request line that is no path is malformed, not a fault of ours', () => {
  for (const target of ['//', 'http://[', '//a:99999/scep'])
    assert.throws(() => readScepQuery(target), { code: 'M4C_MALFORMED' }, target);
});
