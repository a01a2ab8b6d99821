/**
 * Mutation seen red: notAfter not looked at; an answer not moved to the end when it is used; no refresh, a refresh that is
 * waited for, one for each use, one whose failure throws away what is kept, one that keeps what was deleted.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Certificate, Clock } from '@mom4c/core';
import { AnswerCache } from './directory-cache.ts';

const certificate = (notAfter: number) => ({ notAfter }) as Certificate;

function setUp(capacity?: number) {
  let [now, down] = [0, false];
  const clock: Clock = { now: () => now, monotonic: () => now, after: () => () => {} };
  const cache = new AnswerCache(clock, capacity);
  const asked: string[] = [];
  const get = (question: string, answer: readonly Certificate[] = [certificate(1e9)]) =>
    cache.get(question, { ms: 100, nothingMs: 10 }, async () => {
      asked.push(question);
      if (down) throw new Error('down');
      return answer;
    });
  const advance = (ms: number) => (now += ms);
  return { get, asked, advance, cache, goes: (to: 'down' | 'up') => (down = to === 'down') };
}

test('an answer is used again until its time is over', async () => {
  const { get, asked, advance, cache } = setUp();
  await get('a');
  advance(49);
  await get('a');
  assert.deepEqual(asked, ['a']);
  advance(100);
  await get('a');
  assert.deepEqual(asked, ['a', 'a']);
  assert.equal(cache.refreshes, 0);
});

test('what is in use is asked for again before its time is over, and nobody waits', async () => {
  const { get, asked, advance, cache } = setUp();
  const [first, second] = [certificate(1e9), certificate(1e9)];
  await get('a', [first]);
  advance(50);
  assert.equal((await get('a', [second]))[0], first, 'what is kept, at once');
  assert.equal((await get('a', [second]))[0], second);
  assert.equal(asked.length, 2, 'once');
  advance(49);
  await get('a', [second]);
  assert.equal(asked.length, 2, 'its time begins anew');
  for (let n = 0; n < 100; n++) {
    advance(30);
    await get('a', [second]);
  }
  assert.equal(asked.length - cache.refreshes, 1);
});

test('a directory that is down is not asked at every use, and what is kept serves until its time is over', async () => {
  const { get, asked, advance, goes } = setUp();
  await get('a');
  goes('down');
  for (let n = 0; n < 99; n++) {
    advance(1);
    assert.equal((await get('a')).length, 1);
  }
  assert.equal(asked.length, 1 + 4, 'from half of its time on, at every eighth');
  advance(1);
  await assert.rejects(get('a'), /down/);
  goes('up');
  assert.equal((await get('a')).length, 1);
});

test('what was taken out of the directory is gone with the refresh', async () => {
  const { get, advance } = setUp();
  await get('a');
  advance(50);
  await get('a', []);
  assert.deepEqual(await get('a', []), []);
});

test('that there is nothing is remembered for a shorter time', async () => {
  const { get, asked, advance } = setUp();
  await get('a', []);
  advance(9);
  await get('a', []);
  advance(1);
  await get('a', []);
  assert.equal(asked.length, 2);
});

test('a certificate is not used beyond its own time', async () => {
  const { get, asked, advance } = setUp();
  await get('a', [certificate(40)]);
  advance(40);
  await get('a', [certificate(40)]);
  assert.equal(asked.length, 2);
});

test('equal questions in flight are one; a failure is not remembered', async () => {
  const { get, asked, cache } = setUp();
  await Promise.all([get('a'), get('a'), get('b')]);
  assert.deepEqual(asked, ['a', 'b']);
  await assert.rejects(
    cache.get('c', { ms: 100, nothingMs: 10 }, () => Promise.reject(new Error('down'))),
    /down/,
  );
  await get('c');
  assert.deepEqual(asked, ['a', 'b', 'c']);
});

test('the least recently used goes first', async () => {
  const { get, asked } = setUp(2);
  await get('a');
  await get('b');
  await get('a');
  await get('c');
  await get('a');
  await get('b');
  assert.deepEqual(asked, ['a', 'b', 'c', 'b']);
});
