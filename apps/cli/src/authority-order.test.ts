// Mutation seen red: `parse` in place of `safeParse`, whose error is none of the catalogue.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { readAnswer } from './authority-order.ts';

test('an answer of another shape is an error of the catalogue, not a fault of ours', () => {
  const shape = z.object({ serial: z.string() });
  assert.deepEqual(readAnswer(shape, { serial: '5e' }), { serial: '5e' });
  for (const answer of [undefined, null, 'text', [], {}, { serial: 5 }])
    assert.throws(() => readAnswer(shape, answer), { name: 'Mom4cError', code: 'M4C_CA_REFUSED' });
});
