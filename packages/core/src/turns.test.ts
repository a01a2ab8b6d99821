// Mutations seen red: no line, each at once; one line for all; the next piece in the same turn of the loop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { Turns } from './turns.ts';

/** @returns what has had its turn, as it grows */
function take(turns: Turns, names: string): string[] {
  const taken: string[] = [];
  for (const name of names)
    void turns.take(name).then(async () => {
      // As work does that awaits what is there already.
      for (let step = 0; step < 10; step++) await Promise.resolve();
      taken.push(name);
    });
  return taken;
}

test('each turn of the event loop has one piece, whatever that awaits without leaving it', async () => {
  const taken = take(new Turns(), 'aaa');
  for (let step = 0; step < 100; step++) await Promise.resolve();
  for (let count = 1; count <= 3; count++) {
    assert.equal(taken.length, count);
    await turnOfTheLoop();
  }
});

test('whoever comes late has its turn before the second of whoever came first', async () => {
  const turns = new Turns();
  const taken = take(turns, 'aaaabbc');
  while (taken.length < 7) await turnOfTheLoop();
  assert.equal(taken.join(''), 'aabcaba');
});

test('who is alone does not wait', async () => {
  const turns = new Turns();
  for (let count = 0; count < 3; count++) {
    let taken = false;
    void turns.take('a').then(() => (taken = true));
    await Promise.resolve();
    assert.ok(taken);
    await turnOfTheLoop();
  }
});
