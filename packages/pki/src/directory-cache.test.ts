/** Mutation seen red: notAfter not looked at; an answer not moved to the end when it is used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Certificate, Clock } from '@mom4c/core';
import { AnswerCache } from './directory-cache.ts';

const certificate = (notAfter: number) => ({ notAfter }) as Certificate;

function setUp(capacity?: number) {
  let now = 0;
  const clock: Clock = { now: () => now, monotonic: () => now, after: () => () => {} };
  const cache = new AnswerCache(clock, capacity);
  const asked: string[] = [];
  const get = (question: string, answer: readonly Certificate[] = [certificate(1e9)]) =>
    cache.get(question, 100, 10, async () => {
      asked.push(question);
      return answer;
    });
  return { get, asked, advance: (ms: number) => (now += ms), cache };
}

test('an answer is used again until its time is over', async () => {
  const { get, asked, advance } = setUp();
  await get('a');
  advance(99);
  await get('a');
  assert.deepEqual(asked, ['a']);
  advance(1);
  await get('a');
  assert.deepEqual(asked, ['a', 'a']);
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
  await get('a', [certificate(50)]);
  advance(50);
  await get('a', [certificate(50)]);
  assert.equal(asked.length, 2);
});

test('equal questions in flight are one; a failure is not remembered', async () => {
  const { get, asked, cache } = setUp();
  await Promise.all([get('a'), get('a'), get('b')]);
  assert.deepEqual(asked, ['a', 'b']);
  await assert.rejects(
    cache.get('c', 100, 10, () => Promise.reject(new Error('down'))),
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
