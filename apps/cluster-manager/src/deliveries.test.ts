// Mutations seen red: a refusal of what was adopted, or of one of two letters, counts; no word counts as a refusal; an
// absent target is one that refuses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import { Deliveries } from './deliveries.ts';

const error = (code: ErrorCode): Mom4cError => new Mom4cError(code);

test('what a target refuses and never had otherwise is refused', () => {
  const deliveries = new Deliveries(false);
  deliveries.sent('te1');
  const outcome = deliveries.notTaken('te1', error('M4C_EXPIRED'));
  assert.deepEqual([outcome?.state, outcome?.error?.code], ['refused', 'M4C_EXPIRED']);
});

test('who is not there any more has not answered', () => {
  const deliveries = new Deliveries(false);
  deliveries.sent('te1');
  const outcome = deliveries.notTaken('te1', error('M4C_XMPP_RECIPIENT'));
  assert.deepEqual([outcome?.state, outcome?.error?.code], ['no-answer', 'M4C_TARGET_ABSENT']);
});

test('what an earlier term may have sent is open, whatever is said about a letter of this one', () => {
  for (const code of ['M4C_EXPIRED', 'M4C_FUTURE', 'M4C_EPOCH', 'M4C_BUSY', 'M4C_XMPP_RECIPIENT'] as const) {
    const deliveries = new Deliveries(true);
    deliveries.sent('te1');
    assert.equal(deliveries.notTaken('te1', error(code)), undefined, code);
  }
});

test('of two letters both are not taken, or it is open', () => {
  const deliveries = new Deliveries(false);
  for (const target of ['te1', 'te1', 'te2']) deliveries.sent(target);
  assert.equal(deliveries.notTaken('te1', error('M4C_EXPIRED')), undefined);
  assert.equal(deliveries.notTaken('te1', error('M4C_EXPIRED'))?.state, 'refused');
});

test('no word about a letter is no refusal, then or later', () => {
  for (const code of ['M4C_TIMEOUT', 'M4C_XMPP_OFFLINE', 'M4C_NO_MANAGER'] as const) {
    const deliveries = new Deliveries(false);
    deliveries.sent('te1');
    assert.equal(deliveries.notTaken('te1', error(code)), undefined, code);
    deliveries.sent('te1');
    assert.equal(deliveries.notTaken('te1', error('M4C_EXPIRED')), undefined, code);
  }
});

test('it is known who was sent it in this term', () => {
  const deliveries = new Deliveries(true);
  assert.deepEqual([deliveries.any, deliveries.has('te1')], [false, false]);
  deliveries.sent('te1');
  assert.deepEqual([deliveries.any, deliveries.has('te1'), deliveries.has('te2')], [true, true, false]);
});
