// Mutations seen red, one each: asked though XEP-0198 asks; given up while nothing is read; a stream that has carried nothing
// asked, or one given no time limit that is not kept; asked without end about the same; an answer by the stream of another
// host taken; an answer taken twice; timers left after the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml, type Element } from '@mom4c/xmpp';
import { fakeClock } from '../test-fakes.ts';
import { createPeerPings } from './peer-pings.ts';
import { fakeStream, longestPause, turns } from './test-streams.ts';

const MAIN = { local: 'alpha.test', remote: 'beta.test' };
const ROOMS = { local: 'alpha.test', remote: 'conference.beta.test' };
const [SILENCE, ANSWER, LAST_LOOK] = [30_000, 30_000, 250];

function setUp(isKept = true) {
  const clock = fakeClock();
  const state = { isHeldUp: false, isKept };
  const pings = createPeerPings(clock, longestPause, () => state.isHeldUp);
  const stream = fakeStream('out', MAIN);
  stream.isWatched = false;
  pings.watch(stream, () => state.isKept);
  const incoming = fakeStream('in', MAIN);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 5_000) {
      clock.advance(Math.min(left, 5_000));
      await turns();
    }
  };
  const answerTo = (ping: Element, type = 'result'): Element =>
    xml('iq', { type, id: ping.attrs.id, from: MAIN.remote, to: MAIN.local });
  return { clock, state, pings, stream, incoming, pass, answerTo };
}

test('a silent peer is asked from our host to his, and given up without an answer', async () => {
  const { clock, stream, pass } = setUp();
  await pass(SILENCE);
  const [ping] = stream.sent;
  assert.deepEqual(
    [
      ping!.name,
      ping!.attrs.type,
      ping!.attrs.from,
      ping!.attrs.to,
      ping!.getChild('ping', 'urn:xmpp:ping')?.name,
    ],
    ['iq', 'get', MAIN.local, MAIN.remote, 'ping'],
  );
  await pass(ANSWER);
  assert.equal(stream.isOpen, true, 'it may lie in the socket');
  await pass(LAST_LOOK);
  assert.deepEqual([stream.ended, stream.sent.length, clock.timers], ['destroyed', 1, 0]);
});

test('an answer or an error shows that he is there, and he is asked again', async () => {
  const { stream, pings, incoming, pass, answerTo } = setUp();
  for (const type of ['result', 'error', 'result']) {
    await pass(SILENCE);
    assert.equal(pings.answers(answerTo(stream.sent.at(-1)!, type), incoming), true);
    assert.equal(pings.answers(answerTo(stream.sent.at(-1)!, type), incoming), false, 'once');
  }
  assert.deepEqual([stream.isOpen, stream.sent.length], [true, 3]);
});

test('what is no answer to it goes its way', async () => {
  const { stream, pings, incoming, pass, answerTo } = setUp();
  await pass(SILENCE);
  const ping = stream.sent[0]!;
  const other = xml('iq', { type: 'result', id: 'other', from: MAIN.remote, to: MAIN.local });
  for (const stanza of [answerTo(ping, 'get'), xml('message', { ...ping.attrs, type: 'error' }), other])
    assert.equal(pings.answers(stanza, incoming), false);
  assert.equal(pings.answers(answerTo(ping), fakeStream('in', ROOMS)), false, 'of another host');
  await pass(ANSWER + LAST_LOOK);
  assert.equal(stream.isOpen, false);
});

test('a stream that is not kept is asked about what it has carried, and else left alone', async () => {
  const { stream, pings, incoming, pass, answerTo } = setUp(false);
  await pass(10 * SILENCE);
  assert.equal(stream.sent.length, 0);
  await stream.send(xml('message'));
  await pass(2 * SILENCE);
  assert.equal(stream.sent.length, 2);
  pings.answers(answerTo(stream.sent[1]!), incoming);
  await pass(10 * SILENCE);
  assert.equal(stream.sent.length, 2);
  await stream.send(xml('message'));
  await pass(2 * SILENCE);
  assert.equal(stream.sent.length, 4);
  await pass(ANSWER + LAST_LOOK);
  assert.equal(stream.isOpen, false);
});

test('while what he says is not read he is not given up', async () => {
  const { state, stream, pass } = setUp();
  await pass(SILENCE);
  state.isHeldUp = true;
  await pass(10 * ANSWER);
  assert.equal(stream.isOpen, true);
  state.isHeldUp = false;
  await pass(SILENCE + ANSWER + LAST_LOOK + SILENCE);
  assert.equal(stream.isOpen, false);
});

test('where XEP-0198 asks, this does not; and it ends with the stream', async () => {
  const watched = setUp();
  watched.stream.isWatched = true;
  await watched.pass(10 * SILENCE);
  assert.equal(watched.stream.sent.length, 0);
  watched.stream.end();
  await turns();
  assert.equal(watched.clock.timers, 0);
});
