// Mutations seen red: no line, each at once; one line for all; the next pieces in the same turn of the loop.
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

test('each turn of the event loop has eight pieces, whatever they await without leaving it', async () => {
  const taken = take(new Turns(), 'a'.repeat(24));
  for (let step = 0; step < 100; step++) await Promise.resolve();
  for (let count = 8; count <= 24; count += 8) {
    assert.equal(taken.length, count);
    await turnOfTheLoop();
  }
});

test('whoever comes late has its turn before the second of whoever came first', async () => {
  const turns = new Turns();
  const [full, late] = ['a'.repeat(8), 'aaabbc'];
  const taken = take(turns, full + late);
  while (taken.length < full.length + late.length) await turnOfTheLoop();
  assert.equal(taken.join(''), `${full}abcaba`);
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
