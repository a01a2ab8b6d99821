// Mutations seen red, one each: the stalled writer kept; no bound of what is unsent; octets parsed though nobody waits; what was
// not parsed kept for the next stream; a closed stream waited for though its handler never ends, or one that the peer has ended;
// stanzas handed on after our own stream error, those that wait or those behind in the same octets.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { fakeClock, isError, rememberingLog } from './test-fakes.ts';
import { WRITE_MS } from './socket-writer.ts';
import { settles, startPlainServer } from './test-server.ts';
import { createXmlLink } from './xml-link.ts';

const HEADER = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>";

async function linked(context: TestContext) {
  const server = await startPlainServer();
  const clock = fakeClock();
  const link = createXmlLink(connect({ host: '127.0.0.1', port: server.port }), {
    log: rememberingLog(),
    clock,
    code: 'M4C_PARTNER_STREAM',
    socketFault: () => new Mom4cError('M4C_PARTNER_STREAM', 'from below'),
    streamFault: () => ({ error: new Mom4cError('M4C_PARTNER_LOGIN') }),
  });
  context.after(async () => {
    link.destroy(new Mom4cError('M4C_STOPPED'));
    await server.close();
  });
  await link.connected();
  return { link, clock, peer: await server.connection() };
}

test('what comes behind the element that was waited for is not parsed, and can be told', async (context) => {
  const { link, peer } = await linked(context);
  peer.write(`${HEADER}<a/> \n`);
  assert.equal((await link.next()).name, 'stream:stream');
  assert.equal((await settles(link.next(), 'a')).name, 'a');
  assert.equal(link.pipelined, false);
  const next = link.next();
  peer.write('<b/><c></d>');
  assert.equal((await settles(next, 'b')).name, 'b');
  assert.equal(link.pipelined, true);
  // The fault is met when it is read.
  await assert.rejects(link.next(), isError('M4C_PARTNER_STREAM', /not well-formed/));
});

test('a new stream knows nothing of the former', async (context) => {
  const { link, peer } = await linked(context);
  peer.write(`${HEADER}<a/><b/>`);
  await link.next();
  await link.next();
  link.restart();
  peer.write(`${HEADER}<c/>`);
  assert.equal((await settles(link.next(), 'a header')).name, 'stream:stream');
  assert.equal((await link.next()).name, 'c');
});

test('a peer that takes nothing is given up, one that takes slowly is not', async (context) => {
  const { link, clock, peer } = await linked(context);
  const large = ' '.repeat(1_000_000);
  await settles(link.write(large), 'the first write');
  clock.advance(WRITE_MS);
  peer.pause();
  const writes: Promise<unknown>[] = [];
  for (let count = 0; count < 8; count += 1) writes.push(link.write(large).catch((error: unknown) => error));
  clock.advance(WRITE_MS);
  const { error } = await settles(link.closed, 'the end');
  assert.ok(isError('M4C_PARTNER_STREAM', /takes nothing/)(error));
  assert.ok(isError('M4C_PARTNER_STREAM')(await writes.at(-1)));
});

test('what piles up unsent is bounded', async (context) => {
  const { link, peer } = await linked(context);
  peer.pause();
  const large = ' '.repeat(4_000_000);
  const outcomes: unknown[] = [];
  for (let count = 0; count < 8; count += 1)
    void link.write(large).catch((error: unknown) => outcomes.push(error));
  await new Promise(setImmediate);
  assert.ok(outcomes.length > 0);
  assert.ok(outcomes.every((error) => isError('M4C_BUSY')(error)));
});

test('the first cause is the one that is told', async (context) => {
  const { link, peer } = await linked(context);
  peer.write(`${HEADER}<stream:error/>`);
  await link.next();
  await assert.rejects(link.next(), isError('M4C_PARTNER_LOGIN'));
  link.destroy(new Mom4cError('M4C_STOPPED'));
  assert.equal((await settles(link.closed, 'the end')).error.code, 'M4C_PARTNER_LOGIN');
  await assert.rejects(link.write('x'), isError('M4C_PARTNER_LOGIN'));
});

test('a fault in whoever handles stanzas goes to the log, and the next is handled', async (context) => {
  const { link, peer } = await linked(context);
  peer.write(HEADER);
  await link.next();
  const seen: string[] = [];
  const last = Promise.withResolvers<void>();
  link.consume((element) => {
    seen.push(element.name);
    if (element.name === 'c') last.resolve();
    if (element.name === 'a') throw new TypeError('a bug');
    return Promise.reject(new TypeError('another bug'));
  });
  peer.write('<a/><b/><c/>');
  await settles(last.promise, 'the last');
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

for (const how of ['close', 'destroy'] as const)
  test(`a handler that never ends does not keep a stream from its end by ${how}`, async (context) => {
    const { link, clock, peer } = await linked(context);
    peer.write(HEADER);
    await link.next();
    const first = Promise.withResolvers<void>();
    link.consume(() => {
      first.resolve();
      return new Promise(() => {});
    });
    peer.write('<a/><b/>');
    await settles(first.promise, 'the first');
    const error = new Mom4cError('M4C_STOPPED');
    if (how === 'close') void link.close(error);
    else link.destroy(error);
    clock.advance(1_000);
    assert.equal((await settles(link.closed, 'the end')).error, error);
  });

test('a handler that never ends does not keep a stream from its end by the peer', async (context) => {
  const { link, clock, peer } = await linked(context);
  peer.write(HEADER);
  await link.next();
  const first = Promise.withResolvers<void>();
  link.consume(() => {
    first.resolve();
    return new Promise(() => {});
  });
  await link.write(HEADER);
  peer.write('<a/><b/></stream:stream>');
  await settles(first.promise, 'the first');
  await peer.read('</stream:stream>');
  clock.advance(1_000);
  assert.match((await settles(link.closed, 'the end')).error.message, /ended the stream/);
});

for (const isSlow of [false, true])
  test(`after our own stream error nothing is handed on, ${isSlow ? 'of what waits' : 'not of the same octets'}`, async (context) => {
    const { link, peer } = await linked(context);
    peer.write(HEADER);
    await link.next();
    const seen: string[] = [];
    const release = Promise.withResolvers<void>();
    link.consume((element) => {
      seen.push(element.name);
      if (isSlow) setImmediate(() => void link.close(new Mom4cError('M4C_STOPPED'), 'invalid-from'));
      else void link.close(new Mom4cError('M4C_STOPPED'), 'invalid-from');
      return isSlow ? release.promise : undefined;
    });
    await link.write(HEADER);
    peer.write('<a/><b/><c/>');
    await peer.read('</stream:stream>');
    peer.end();
    release.resolve();
    await settles(link.closed, 'the end');
    assert.deepEqual(seen, ['a']);
  });
