// Mutation seen red: a check that runs although what it needs has failed. (Without the time limit the test does not end.)
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, Mom4cError } from '@mom4c/core';
import { examine } from './examination.ts';

const well = examine('well', {}, async () => ({ says: 'fine', value: 7 }));
const broken = examine('broken', {}, async () => {
  throw new Mom4cError('M4C_TLS', 'no name');
});

test('a value is handed on, and a warning does not stop what rests on it', async () => {
  const warned = examine('warned', { from: well }, async (seven) => ({
    says: `${seven}`,
    value: seven + 1,
    warn: { remedy: 'mend it' },
  }));
  assert.deepEqual((await warned).finding, { check: 'warned', level: 'warn', says: '7', remedy: 'mend it' });
  const last = await examine('last', { from: warned }, async (eight) => ({
    says: `${eight}`,
    value: undefined,
  }));
  assert.deepEqual([last.finding.level, last.finding.says], ['ok', '8']);
});

test('a failure has its code and remedy, and what rests on it is skipped, down to the last', async () => {
  const { text, fix } = ERRORS.M4C_TLS;
  const failed = { check: 'broken', level: 'fail', says: `${text} no name`, code: 'M4C_TLS', remedy: fix };
  assert.deepEqual((await broken).finding, failed);
  let ran = false;
  const next = examine('next', { from: well, after: [broken] }, async () => {
    ran = true;
    return { says: '', value: undefined };
  });
  const last = await examine('last', { from: next }, async () => ({ says: '', value: undefined }));
  assert.deepEqual((await next).finding, { check: 'next', level: 'skipped', says: 'needs: broken' });
  assert.deepEqual([last.finding.level, last.finding.says, ran], ['skipped', 'needs: next', false]);
});

test('what hangs fails by its limit, and is told to stop', async () => {
  let told: AbortSignal | undefined;
  const hangs = await examine(
    'hangs',
    {},
    (_base, signal) => ((told = signal), new Promise<never>(() => {})),
    5,
  );
  assert.deepEqual([hangs.finding.code, told?.aborted], ['M4C_TIMEOUT', true]);
});

test('a bug in a check is a finding of its own', async () => {
  const buggy = await examine('buggy', {}, async () => {
    throw new TypeError('x is not a function');
  });
  assert.equal(buggy.finding.code, 'M4C_INTERNAL');
  assert.doesNotMatch(buggy.finding.says, /x is not/);
});
