/** Mutations seen red: a poll every 2 s; a limit of 60 s; the stop not looked at. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { Certificate, ErrorCode } from '@mom4c/core';
import { waitUntilPublished } from './member.ts';

const own = { issuer: 'aa', serial: '01', fingerprint: 'ff' } as Certificate;

/** @param publishedAfter in milliseconds */
function setUp(publishedAfter: number) {
  let now = 0;
  const asked: number[] = [];
  const stop = new AbortController();
  const clock = {
    now: () => now,
    monotonic: () => now,
    after(ms: number, callback: () => void) {
      now += ms;
      setImmediate(callback);
      return () => {};
    },
  };
  const directory = {
    async fetch(issuer: string, serial: string) {
      asked.push(now);
      const isIt = issuer === own.issuer && serial === own.serial && now >= publishedAfter;
      return isIt ? own : undefined;
    },
  };
  return { asked, stop, waiting: () => waitUntilPublished(directory, own, { clock, signal: stop.signal }) };
}

test('it goes on with the first poll after the publication', async () => {
  const { asked, waiting } = setUp(500);
  await waiting();
  assert.deepEqual(asked, [0, 200, 400, 600]);
});

test('it gives up after 30 s, and at once when it is stopped', async () => {
  const late = setUp(30_001);
  await assert.rejects(late.waiting(), isCode('M4C_NOT_PUBLISHED'));
  assert.equal(late.asked.at(-1), 30_000);
  const stopped = setUp(500);
  stopped.stop.abort();
  await assert.rejects(stopped.waiting(), isCode('M4C_STOPPED'));
  assert.deepEqual(stopped.asked, [0]);
});

function isCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof Mom4cError && error.code === code;
}
