/** Mutation seen red: revoked ones not withdrawn, or withdrawn last; no retry after a failure; the round not ended where the directory is unreachable; a failure of
 *  the database not caught. */
import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { Certificate, ErrorCode } from '@mom4c/core';
import { startPublication } from './publication.ts';

/** A wait for what never happens fails. */
const LIMIT = { timeout: 10_000 };

function setUp(...names: string[]) {
  const waiting = names.map((name) => ({ name, serial: name }) as Certificate);
  const events = new EventEmitter();
  const leaving: Certificate[] = [];
  const tried: string[] = [];
  let failure: ErrorCode | undefined;
  let isLocked = false;
  let retry: (() => void) | undefined;
  const publication = startPublication({
    certificates: {
      unpublished() {
        if (isLocked) throw new Error('database is locked');
        return [...waiting];
      },
      published: (certificate) => void waiting.splice(waiting.indexOf(certificate), 1),
      unwithdrawn: () => [...leaving],
      withdrawn: (certificate) => void leaving.splice(leaving.indexOf(certificate), 1),
    },
    publisher: {
      async publish({ name }) {
        tried.push(name);
        if (failure && name !== 'good') throw new Mom4cError(failure);
      },
      async unpublish({ name }) {
        tried.push(`-${name}`);
        if (failure) throw new Mom4cError(failure);
      },
      close: async () => {},
    },
    clock: {
      after(_ms, callback) {
        retry = callback;
        events.emit('wait');
        return () => (retry = undefined);
      },
    },
    random: { bytes: (count) => Buffer.alloc(count) },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  return {
    publication,
    tried,
    waiting,
    leaving,
    events,
    fail: (code?: ErrorCode) => (failure = code),
    lock: (locked: boolean) => (isLocked = locked),
    retry: () => retry?.(),
    hasTimer: () => retry !== undefined,
  };
}

test('all are published in their order', async () => {
  const { publication, tried, waiting } = setUp('a', 'b');
  publication.wake();
  await new Promise(setImmediate);
  assert.deepEqual([tried, waiting], [['a', 'b'], []]);
  await publication.stop();
});

test('what is revoked is taken out, before anything else is put in', LIMIT, async () => {
  const { publication, tried, waiting, leaving, events, fail, retry } = setUp('good');
  leaving.push({ name: 'lost', serial: 'lost' } as Certificate);
  fail('M4C_DIRECTORY_ENTRY');
  const waits = once(events, 'wait');
  publication.wake();
  await waits;
  assert.deepEqual([tried, waiting.length, leaving.length], [['-lost', 'good'], 0, 1]);
  fail(undefined);
  await new Promise(setImmediate);
  retry();
  await new Promise(setImmediate);
  assert.deepEqual(leaving, []);
  await publication.stop();
});

test('while the directory is unreachable one is tried, again and again', LIMIT, async () => {
  const { publication, tried, waiting, events, fail, retry } = setUp('a', 'b');
  fail('M4C_DIRECTORY_UNREACHABLE');
  const waits = once(events, 'wait');
  publication.wake();
  await waits;
  assert.deepEqual(tried, ['a']);
  const waitsAgain = once(events, 'wait');
  await new Promise(setImmediate);
  retry();
  await waitsAgain;
  assert.deepEqual(tried, ['a', 'a']);
  fail(undefined);
  await new Promise(setImmediate);
  retry();
  await new Promise(setImmediate);
  assert.deepEqual([tried, waiting], [['a', 'a', 'a', 'b'], []]);
  await publication.stop();
});

test('one that is refused does not hold up the others', LIMIT, async () => {
  const { publication, waiting, events, fail } = setUp('bad', 'good');
  fail('M4C_DIRECTORY_ENTRY');
  const waits = once(events, 'wait');
  publication.wake();
  await waits;
  assert.deepEqual(
    waiting.map(({ name }) => name),
    ['bad'],
  );
  await publication.stop();
});

test('after the stop nothing is tried any more', LIMIT, async () => {
  const { publication, tried, events, fail, hasTimer } = setUp('a');
  fail('M4C_DIRECTORY_UNREACHABLE');
  const waits = once(events, 'wait');
  publication.wake();
  await waits;
  await publication.stop();
  assert.equal(hasTimer(), false);
  publication.wake();
  await new Promise(setImmediate);
  assert.deepEqual(tried, ['a']);
});

test('a database that fails for a while is asked again', LIMIT, async () => {
  const { publication, waiting, events, lock, retry } = setUp('a');
  lock(true);
  const waits = once(events, 'wait');
  publication.wake();
  await waits;
  await new Promise(setImmediate);
  lock(false);
  retry();
  await new Promise(setImmediate);
  assert.deepEqual(waiting, []);
  await publication.stop();
});
