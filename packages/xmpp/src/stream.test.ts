// Mutation seen red: see each test's own line. The client of the library is the real one, over TLS to a scripted server.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { textOf, xml } from './element.ts';
import { createStream, type XmlStream } from './stream.ts';
import { fakeClock, isError, rememberingLog } from './test-fakes.ts';
import { settles, startScriptedServer, type Peer } from './test-server.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const FEATURES = '<stream:features/>';

async function setUp(context: TestContext, prepare = (_stream: XmlStream): void => {}) {
  const server = await startScriptedServer();
  const clock = fakeClock();
  const log = rememberingLog();
  const stream = createStream({ domain: 'alpha.test', tls: server.tls, clock, log });
  context.after(async () => {
    // Or the library would knock for ever where the code under test lets it.
    stream.client.reconnect.stop();
    stream.destroy(new Mom4cError('M4C_STOPPED'));
    await server.close();
  });
  prepare(stream);
  const features = settles(stream.open(), 'the features');
  features.catch(() => {});
  const peer = await server.connection();
  const header = await peer.read('>');
  return { stream, server, peer, clock, log, features, header };
}

async function opened(context: TestContext) {
  const parts = await setUp(context);
  parts.peer.write(HEADER + FEATURES);
  await parts.features;
  return parts;
}

// Red with `domain` left out of what `open` gives the library.
test('the header names the domain, and the features come back', async (context) => {
  const { features, peer, header } = await setUp(context);
  assert.equal(
    header,
    `<?xml version='1.0'?><stream:stream version="1.0" xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="alpha.test">`,
  );
  peer.write(`${HEADER}<stream:features><a/></stream:features>`);
  assert.ok((await features).getChild('a'));
});

// Red with `waiting.splice(0)` replaced by `[]` in `consume`.
test('stanzas that come with the last answer of the log-in are not lost', async (context) => {
  const { stream, peer } = await opened(context);
  const next = stream.next();
  peer.write('<iq id="1"/><message id="2"/><message id="3"/>');
  assert.equal((await next).attrs.id, '1');
  const seen: (string | undefined)[] = [];
  const last = Promise.withResolvers<void>();
  stream.consume((element) => {
    seen.push(element.attrs.id);
    if (element.attrs.id === '4') last.resolve();
  });
  peer.write('<message id="4"/>');
  await last.promise;
  assert.deepEqual(seen, ['2', '3', '4']);
});

// Red without the `try` around the handler.
test('a fault in whoever consumes does not reach the parser', async (context) => {
  const { stream, peer, log } = await opened(context);
  const all = Promise.withResolvers<void>();
  const seen: (string | undefined)[] = [];
  stream.consume((element) => {
    if (seen.push(element.attrs.id) === 2) all.resolve();
    throw new TypeError('a bug');
  });
  peer.write('<message id="1"/><message id="2"/>');
  await settles(all.promise, 'the second message');
  assert.deepEqual(seen, ['1', '2']);
  assert.equal(log.lines.length, 2);
});

// Red without our `_onData`: the library decodes each read by itself.
test('a character that is split between two reads arrives whole', async (context) => {
  const { stream, peer } = await opened(context);
  const octets = Buffer.from('<message>漢</message>');
  const next = stream.next();
  peer.write(octets.subarray(0, '<message>'.length + 1));
  peer.write(octets.subarray('<message>'.length + 1));
  assert.equal(textOf(await settles(next, 'the message')), '漢');
});

// Red with `client.parser!.write` in `_onData`: the library has no parser any more.
test('octets after the end of the stream harm nobody', async (context) => {
  const { stream, peer } = await opened(context);
  peer.write('</stream:stream>');
  peer.write('<message/>');
  peer.end();
  assert.equal((await stream.closed).error.detail, 'the server ended the stream');
});

// Red without `waiter?.reject` in `finish`; without the check of the root in transport.ts; without MAX_WAITING.
test('a server that is cut, speaks no XMPP or too much, and an end from here, reject the reader', async (context) => {
  const answering = async (answer: (peer: Peer) => void): Promise<unknown> => {
    const { stream, peer, features } = await setUp(context);
    answer(peer);
    return features.then(() => settles(stream.next(), 'an element'));
  };
  const cut = answering((peer) => peer.end());
  await assert.rejects(cut, isError('M4C_XMPP_UNREACHABLE', /closed/));
  const html = answering((peer) => peer.write('<html><body>'));
  await assert.rejects(html, isError('M4C_XMPP_UNREACHABLE', /no XMPP server/));
  const other = answering((peer) => peer.write(HEADER + '<a/>'));
  await assert.rejects(other, isError('M4C_XMPP_UNREACHABLE', /no stream features/));
  const flooded = await opened(context);
  flooded.peer.write('<a/>'.repeat(100));
  assert.match((await settles(flooded.stream.closed, 'the end of the flood')).error.detail ?? '', /too much/);
  const waiting = await opened(context);
  const next = settles(waiting.stream.next(), 'an element');
  waiting.stream.destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'no log-in in time'));
  await assert.rejects(next, isError('M4C_XMPP_UNREACHABLE', /in time/));
});

const streamError = (condition: string): string =>
  `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.test</${condition}></stream:error>`;

// Red with `conflict` not told apart in stream-fault.ts; with `host-unknown` taken out of LOGIN_CONDITIONS.
test('a stream error is the reason of the end', async (context) => {
  const ending = async (condition: string) => {
    const { stream, peer } = await opened(context);
    peer.write(`${streamError(condition)}</stream:stream>`);
    peer.end();
    return stream.closed;
  };
  const conflict = await ending('conflict');
  assert.deepEqual([conflict.condition, conflict.error.code], ['conflict', 'M4C_XMPP_CONFLICT']);
  assert.equal((await ending('host-unknown')).error.code, 'M4C_XMPP_LOGIN');
  assert.equal((await ending('system-shutdown')).error.code, 'M4C_XMPP_UNREACHABLE');
});

// Red with `showLibrary(element)` called for stream errors in `receive`: the library connects to the other host.
test('a server that sends us elsewhere is not followed', async (context) => {
  const { stream, server, peer } = await opened(context);
  let followed = false;
  stream.client.connect = () => ((followed = true), Promise.resolve());
  peer.write(`${streamError('see-other-host')}</stream:stream>`);
  peer.end();
  assert.match((await stream.closed).error.detail ?? '', /see-other-host/);
  await new Promise(setImmediate);
  assert.deepEqual([followed, server.count()], [false, 1]);
});

// Red without `reconnect.stop()` in client.ts.
test('the library does not reconnect by itself', async (context) => {
  const { stream, peer } = await opened(context);
  let tried = false;
  stream.client.connect = () => ((tried = true), new Promise(() => {}));
  context.mock.timers.enable({ apis: ['setTimeout'] });
  peer.end();
  await stream.closed;
  context.mock.timers.tick(60_000);
  assert.equal(tried, false);
});

// Red with `showLibrary(element)` called for all elements in `receive`: it answers both.
test('the library answers no request', async (context) => {
  const { stream, peer } = await opened(context);
  const both = Promise.withResolvers<void>();
  let count = 0;
  stream.consume(() => {
    if ((count += 1) === 2) both.resolve();
  });
  for (const payload of ["<ping xmlns='urn:xmpp:ping'/>", "<other xmlns='urn:other'/>"])
    peer.write(`<iq type='get' id='1' from='alpha.test'>${payload}</iq>`);
  await settles(both.promise, 'both requests');
  await new Promise(setImmediate);
  await stream.send(xml('presence'));
  assert.equal(await peer.read('<presence/>'), '<presence/>');
});

// Red with the library's `open` awaited: it waits for a header that has come already.
test('an answer that is quicker than the confirmation of the sending is not missed', async (context) => {
  const { features, peer } = await setUp(context, ({ client }) => {
    const write = client.write.bind(client);
    client.write = (text) => write(text).then(() => new Promise(() => {}));
  });
  peer.write(HEADER + FEATURES);
  await features;
});

// Red without `timeout = 0` in client.ts: the library gives up after two seconds, and leaves timers behind.
test('only our own time limits count', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { features, peer } = await setUp(context);
  context.mock.timers.tick(60_000);
  peer.write(HEADER + FEATURES);
  await features;
});

// Red without the listener in the constructor in transport.ts.
test('a fault of a socket that the library has let go of does not end the process', async (context) => {
  const { stream } = await opened(context);
  const [transport] = stream.client.transports;
  new transport!.prototype.Socket().emit('error', new Error('late'));
});

// Red with the library's `send` in place of `write`: it has sent the stanza, and rejects.
test('an address that the library cannot parse does not turn a sent stanza into a failure', async (context) => {
  const { stream, peer } = await opened(context);
  await stream.send(xml('presence', { to: '@' }));
  await peer.read('<presence');
});

// Red without the comparison with MAX_UNSENT.
test('what nobody awaits is not buffered without bounds', async (context) => {
  const { stream, peer } = await opened(context);
  peer.pause();
  const body = 'a'.repeat(250_000);
  const sends = Array.from({ length: 100 }, () =>
    stream.send(xml('message', {}, body)).then(
      () => 'sent',
      (error: Mom4cError) => error.code,
    ),
  );
  stream.destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'enough'));
  const outcomes = await Promise.all(sends);
  assert.ok(outcomes.includes('M4C_BUSY'));
  assert.ok(outcomes.includes('M4C_XMPP_OFFLINE'), 'cut off while they waited');
});

// Red with `closing` not looked at in `send`; without the forced end after CLOSE_MS.
test('closing sends the footer, refuses what comes later, and does not wait for ever', async (context) => {
  const { stream, peer, clock } = await opened(context);
  const closed = stream.close();
  await assert.rejects(stream.send(xml('presence')), isError('M4C_XMPP_OFFLINE'));
  assert.equal(await peer.read('</stream:stream>'), '</stream:stream>');
  clock.advance(1_000);
  await settles(closed, 'the end');
  await assert.rejects(stream.next(), isError('M4C_XMPP_OFFLINE'));
});
