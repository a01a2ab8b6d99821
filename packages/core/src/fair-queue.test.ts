// Mutations seen red: turns not moved to the end of the line; no limit of one party's running work; none of all running
// work; the load of a party not given back; octets not counted; the limit of all not looked at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FairQueue } from './fair-queue.ts';
import type { FairLimits } from './fair-queue.ts';

const LIMITS: FairLimits = {
  running: 4,
  runningPerParty: 3,
  perParty: { pieces: 8, octets: 1000 },
  total: { pieces: 20, octets: 2000 },
};

type Piece = { readonly name: string; readonly index: number; end(): void };

function setUp(limits: FairLimits = LIMITS) {
  const queue = new FairQueue(limits);
  /** In the order of their starts. */
  const started: Piece[] = [];
  const running = new Set<Piece>();
  const offer = (name: string, index = 0, octets = 1): boolean =>
    queue.offer(name, octets, () => {
      const finished = Promise.withResolvers<void>();
      const piece: Piece = {
        name,
        index,
        end: () => {
          running.delete(piece);
          finished.resolve();
        },
      };
      started.push(piece);
      running.add(piece);
      return finished.promise;
    });
  const endAll = async (): Promise<void> => {
    while (running.size > 0) {
      for (const piece of running) piece.end();
      await new Promise(setImmediate);
    }
  };
  return { queue, offer, started, running, endAll, names: () => started.map(({ name }) => name).join('') };
}

test('whoever comes late has its turn before the second of whoever came first', async () => {
  const { offer, names, started } = setUp({ ...LIMITS, running: 1, runningPerParty: 1 });
  for (let index = 0; index < 5; index++) offer('a', index);
  offer('b', 0);
  offer('b', 1);
  offer('c', 0);
  for (let next = 0; next < 8; next++) {
    started[next]?.end();
    await new Promise(setImmediate);
  }
  assert.equal(names(), 'aabcabaa');
});

test('one party leaves room for others', () => {
  const { offer, running, names } = setUp();
  for (let index = 0; index < 8; index++) offer('a', index);
  assert.equal(running.size, 3);
  offer('b');
  assert.equal(names(), 'aaab');
});

test('what is above a limit is not taken, and is again when there is room', async () => {
  const { offer, endAll } = setUp();
  const taken = (name: string, count: number, octets = 1): number =>
    Array.from({ length: count }, (_, index) => offer(name, index, octets)).filter(Boolean).length;
  assert.equal(taken('a', 10), 8, 'pieces of one');
  assert.equal(taken('b', 10), 8);
  assert.equal(taken('c', 10), 4, 'pieces of all');
  await endAll();
  assert.equal(taken('a', 4, 400), 2, 'octets of one');
  assert.equal(taken('b', 4, 400), 2);
  assert.equal(taken('c', 4, 400), 1, 'octets of all');
  await endAll();
  assert.equal(taken('a', 1, 1_000_000), 1, 'a first piece, however large');
});

test('work that is done when it returns takes no place', () => {
  const queue = new FairQueue({ ...LIMITS, running: 1, total: { pieces: 1, octets: 1 } });
  let done = 0;
  for (let index = 0; index < 100; index++)
    assert.ok(
      queue.offer('a', 1, () => {
        done += 1;
        return undefined;
      }),
    );
  assert.equal(done, 100);
});

test('whatever comes and ends in whatever order: bounded, in order, and all of it runs', async () => {
  const step = fc.oneof(
    fc.record({ name: fc.constantFrom('a', 'b', 'c'), octets: fc.nat(300) }),
    fc.record({ end: fc.nat(10) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { offer, started, running, endAll } = setUp();
      const taken = { a: 0, b: 0, c: 0 };
      for (const each of steps) {
        if ('end' in each) {
          [...running][each.end]?.end();
          await Promise.resolve();
          await Promise.resolve();
        } else {
          const name = each.name as 'a' | 'b' | 'c';
          if (offer(name, taken[name], each.octets)) taken[name] += 1;
        }
        assert.ok(running.size <= LIMITS.running);
        for (const name of ['a', 'b', 'c'])
          assert.ok([...running].filter((piece) => piece.name === name).length <= LIMITS.runningPerParty);
      }
      await endAll();
      for (const name of ['a', 'b', 'c'] as const)
        assert.deepEqual(
          started.filter((piece) => piece.name === name).map(({ index }) => index),
          Array.from({ length: taken[name] }, (_, index) => index),
        );
    }),
    { numRuns: 300 },
  );
});
