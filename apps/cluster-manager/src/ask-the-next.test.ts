// Mutations seen red: M4C_STOPPED told as it is; everything told as M4C_NO_MANAGER.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { askTheNext } from './ask-the-next.ts';

test('whoever is told that somebody else leads, or that the term has ended meanwhile, asks again', () => {
  for (const code of ['M4C_EPOCH', 'M4C_STOPPED'] as const) {
    const cause = new Mom4cError(code);
    const told = askTheNext(cause);
    assert.ok(told instanceof Mom4cError && told.retryable);
    assert.deepEqual([told.code, told.cause], ['M4C_NO_MANAGER', cause]);
  }
});

test('what is wrong with the request itself stays as it is', () => {
  for (const thrown of [new Mom4cError('M4C_FORBIDDEN'), new Error('a bug')])
    assert.equal(askTheNext(thrown), thrown);
});
