// Mutations seen red, one each: the older one closed at once, or never, or though a stanza of it is being handled; cut off
// in place of closed; a third taken beside two; what was closed for a third not heard to its end; heard on after the end;
// what is left alone closed as the older one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml, type Element } from '@mom4c/xmpp';
import { fakeClock } from '../test-fakes.ts';
import { createIncomingStreams } from './incoming-streams.ts';
import { fakeStream, turns, type FakeStream } from './test-streams.ts';

const MAIN = { local: 'alpha.test', remote: 'beta.test' };
const ROOMS = { local: 'alpha.test', remote: 'conference.beta.test' };

function setUp() {
  const clock = fakeClock();
  const heard: (string | undefined)[] = [];
  let work: Promise<void> | undefined;
  const streams = createIncomingStreams(clock, ({ attrs }: Element) => {
    heard.push(attrs.id);
    return work;
  });
  const add = (pair = MAIN): FakeStream => {
    const stream = fakeStream('in', pair);
    streams.add(stream);
    return stream;
  };
  const handlingTakes = (until: Promise<void>): void => void (work = until);
  return { clock, heard, streams, add, handlingTakes };
}
const message = (id: string): Element => xml('message', { id });

test('a server that has opened a newer stream may write on the older one for a while', async () => {
  const { clock, heard, streams, add } = setUp();
  const [older, newer] = [add(), add()];
  await older.arrive(message('1'));
  await newer.arrive(message('2'));
  clock.advance(50_000);
  await older.arrive(message('3'));
  clock.advance(10_000);
  assert.equal(older.isOpen, true, 'it has brought something');
  clock.advance(60_000);
  await turns();
  assert.deepEqual([older.ended, newer.isOpen], ['closed', true]);
  assert.deepEqual(heard, ['1', '2', '3']);
  clock.advance(600_000);
  assert.deepEqual([newer.isOpen, streams.all.length, streams.replaced, clock.timers], [true, 1, 1, 0]);
});

test('while a stanza of the older one is being handled it is not idle', async () => {
  const { clock, add, handlingTakes } = setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  const older = add();
  add();
  handlingTakes(promise);
  const handled = older.arrive(message('1'));
  clock.advance(180_000);
  assert.equal(older.isOpen, true);
  resolve();
  await handled;
  clock.advance(60_000);
  assert.equal(older.isOpen, false);
});

test('if the newer one ends first the older one stays', async () => {
  const { clock, add } = setUp();
  const [older, newer] = [add(), add()];
  newer.end();
  await turns();
  clock.advance(120_000);
  assert.deepEqual([older.isOpen, clock.timers], [true, 0]);
});

test('of a pair there are two at most, and the oldest ends in order', async () => {
  const { clock, heard, streams, add } = setUp();
  const of = [add(), add(), add(ROOMS), add()];
  assert.deepEqual(
    of.map(({ ended }) => ended),
    ['closed', undefined, undefined, undefined],
  );
  await of[0]!.arrive(message('what has come in whole'));
  assert.deepEqual(heard, ['what has come in whole']);
  assert.deepEqual([streams.all.length, streams.replaced], [3, 2]);
  of[1]!.end();
  await turns();
  assert.deepEqual([streams.all.length, clock.timers], [2, 0]);
});

test('from the end on nothing is handed on, of none of them', async () => {
  const { clock, heard, streams, add } = setUp();
  const of = [add(), add(), add()];
  streams.end();
  for (const stream of of) await stream.arrive(message('late'));
  assert.deepEqual(heard, []);
  assert.deepEqual(
    of.map(({ ended }) => ended),
    ['closed', 'closed', 'closed'],
  );
  const fresh = add();
  await fresh.arrive(message('1'));
  assert.deepEqual([heard, streams.all, clock.timers], [['1'], [fresh], 0]);
});
