// Mutations seen red, one each: a second stream opened for a pair that has one; taken during a pause; never idle; asked
// again at once by who ends each stream; lost told with every failure; a pause that the partner's coming does not end, or
// ends each time; his coming forgotten that fell into a try; a silent peer not asked; his answer handed on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { xml, type Element, type HostPair } from '@mom4c/xmpp';
import { createOnDemandLink } from './on-demand-link.ts';
import { fakeClock } from '../test-fakes.ts';
import { fakeStream, longestPause, LOST, rememberingLog, turns, type FakeStream } from './test-streams.ts';

const MAIN = { local: 'alpha.test', remote: 'beta.test' };
const ROOMS = { local: 'alpha.test', remote: 'conference.beta.test' };

function setUp() {
  const clock = fakeClock();
  const dials: { pair: HostPair; signal: AbortSignal; outcome: PromiseWithResolvers<FakeStream> }[] = [];
  const events: string[] = [];
  const heard: Element[] = [];
  const link = createOnDemandLink({
    ...{ partner: 'beta.test', clock, log: rememberingLog(), random: longestPause },
    dial(pair, signal) {
      const outcome = Promise.withResolvers<FakeStream>();
      dials.push({ pair, signal, outcome });
      return outcome.promise;
    },
    prepare: async () => {},
    onOpen: ({ remote }) => void events.push(`open ${remote}`),
    onClosed: ({ remote }) => void events.push(`closed ${remote}`),
    onLost: () => void events.push('lost'),
    onStanza: (stanza) => void heard.push(stanza),
  });
  const opened = async (index: number): Promise<FakeStream> => {
    const stream = fakeStream('out', dials[index]!.pair);
    dials[index]!.outcome.resolve(stream);
    await turns();
    return stream;
  };
  const fails = async (index: number): Promise<void> => {
    dials[index]!.outcome.reject(LOST);
    await turns();
  };
  return { link, clock, dials, events, heard, opened, fails };
}

test('a stream for each pair of hosts, when something is to be sent', async () => {
  const { link, dials, events, opened } = setUp();
  assert.equal(link.wake(ROOMS)!.code, 'M4C_PARTNER_DOWN');
  link.connect(MAIN);
  assert.equal(link.wake(ROOMS), undefined);
  assert.equal(link.wake(ROOMS), undefined);
  assert.deepEqual(
    dials.map(({ pair }) => pair),
    [MAIN, ROOMS],
  );
  await opened(0);
  await opened(1);
  assert.equal(link.wake(ROOMS), undefined);
  assert.equal(dials.length, 2);
  assert.deepEqual(events, ['open beta.test', 'open conference.beta.test']);
  assert.equal(link.state, 'up');
});

test('idle, it is closed; the first one is kept', async () => {
  const { link, clock, dials, opened } = setUp();
  link.connect(MAIN);
  const main = await opened(0);
  link.wake(ROOMS);
  const rooms = await opened(1);
  await rooms.send({} as never);
  clock.advance(300_000);
  assert.equal(rooms.isOpen, true);
  clock.advance(300_000);
  await turns();
  assert.deepEqual([rooms.isOpen, main.isOpen, link.outs.length], [false, true, 1]);
  main.end();
  await turns();
  assert.equal(dials.length, 3);
});

test('during the pause after a failure nothing is taken; the partner is lost once', async () => {
  const { link, clock, dials, events, opened, fails } = setUp();
  link.connect(MAIN);
  await fails(0);
  assert.equal(link.wake(MAIN)!.code, 'M4C_PARTNER_DOWN');
  assert.equal(link.state, 'waiting');
  clock.advance(1_000);
  await fails(1);
  assert.deepEqual(events, ['closed beta.test', 'lost', 'closed beta.test']);
  clock.advance(2_000);
  const short = await opened(2);
  short.end();
  await turns();
  assert.equal(link.state, 'waiting');
  assert.equal(dials.length, 3);
});

test('the coming of the partner ends the pauses, of a pair at most every 5 s', async () => {
  const { link, clock, dials, events, opened, fails } = setUp();
  const comes = (): void => link.accept(fakeStream('in', MAIN));
  link.connect(MAIN);
  link.wake(ROOMS);
  await fails(0);
  await fails(1);
  comes();
  assert.equal(dials.length, 3, 'the first one is asked again at once');
  assert.equal(link.wake(ROOMS), undefined);
  await fails(2);
  comes();
  assert.equal(link.wake(MAIN)!.code, 'M4C_PARTNER_DOWN', 'not so soon again');
  clock.advance(2_000);
  await fails(4);
  comes();
  clock.advance(2_999);
  assert.equal(dials.length, 5);
  clock.advance(1);
  assert.equal(dials.length, 6, 'nor later than that');
  await opened(5);
  assert.equal(events.at(-1), 'open beta.test');
});

test('who comes while he is asked in vain is asked again', async () => {
  const { link, dials, events, opened, fails } = setUp();
  link.connect(MAIN);
  link.accept(fakeStream('in', MAIN));
  await fails(0);
  assert.deepEqual([dials.length, events.length, link.state], [2, 0, 'connecting']);
  link.accept(fakeStream('in', MAIN));
  await fails(1);
  assert.deepEqual([dials.length, link.state], [2, 'waiting']);
  link.disconnect(LOST);
  link.connect(MAIN);
  await opened(2);
  assert.equal(link.state, 'up');
});

test('a peer that says nothing any more is lost once it cannot be reached anew', async () => {
  const { link, clock, dials, events, heard, opened, fails } = setUp();
  link.connect(MAIN);
  const out = await opened(0);
  out.isWatched = false;
  const incoming = fakeStream('in', MAIN);
  link.accept(incoming);
  clock.advance(30_000);
  const { id } = out.sent[0]!.attrs;
  await incoming.arrive(xml('iq', { type: 'result', id, from: 'beta.test', to: 'alpha.test' }));
  assert.deepEqual(heard, []);
  clock.advance(60_250);
  await turns();
  assert.deepEqual([out.ended, dials.length], ['destroyed', 2]);
  await fails(1);
  assert.equal(events.at(-1), 'lost');
});

test('an administrator ends all, whoever opened it', async () => {
  const { link, clock, dials, opened } = setUp();
  const early = fakeStream('in', MAIN);
  link.accept(early);
  assert.equal(early.ended, 'policy-violation');
  link.connect(MAIN);
  const out = await opened(0);
  const ins = [fakeStream('in', MAIN), fakeStream('in', MAIN), fakeStream('in', ROOMS)];
  for (const stream of ins) link.accept(stream);
  assert.deepEqual([link.ins.length, link.replaced], [3, 1]);
  link.wake(ROOMS);
  link.disconnect(new Mom4cError('M4C_STOPPED'));
  await turns();
  assert.deepEqual(
    [out, ...ins].map(({ isOpen }) => isOpen),
    [false, false, false, false],
  );
  assert.equal(dials[1]!.signal.aborted, true);
  assert.deepEqual([link.state, clock.timers], ['disconnected', 0]);
});
