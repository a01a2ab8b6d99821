// Mutation seen red: `waiting.splice(0)` replaced by `[]` in `consume`; the `try` around the handler removed;
// `waiter?.reject` removed from `finish`; `closing` not looked at; the forced close after a second removed.
import assert from 'node:assert/strict';
import { duplexPair, type Duplex } from 'node:stream';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { xml } from './element.ts';
import { createStream } from './stream.ts';
import { fakeClock, isError, rememberingLog } from './test-fakes.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const FEATURES = '<stream:features/>';

function setUp() {
  const [ours, theirs] = duplexPair();
  const clock = fakeClock();
  const log = rememberingLog();
  const stream = createStream(ours, { domain: 'alpha.test', clock, log });
  return { stream, server: theirs, clock, log };
}

async function opened() {
  const parts = setUp();
  const features = parts.stream.open();
  await read(parts.server);
  parts.server.write(HEADER + FEATURES);
  await features;
  return parts;
}

function read(server: Duplex): Promise<string> {
  return new Promise((resolve) => server.once('data', (octets: Buffer) => resolve(octets.toString())));
}

test('the header names the domain, and the features come back', async () => {
  const { stream, server } = setUp();
  const features = stream.open();
  assert.equal(
    await read(server),
    `<?xml version='1.0'?><stream:stream to="alpha.test" version="1.0" xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">`,
  );
  server.write(`${HEADER}<stream:features><a/></stream:features>`);
  assert.ok((await features).getChild('a'));
});

test('stanzas that come with the last answer of the log-in are not lost', async () => {
  const { stream, server } = await opened();
  const next = stream.next();
  server.write('<iq id="1"/><message id="2"/><message id="3"/>');
  assert.equal((await next).attrs.id, '1');
  const seen: (string | undefined)[] = [];
  stream.consume((element) => seen.push(element.attrs.id));
  server.write('<message id="4"/>');
  await new Promise(setImmediate);
  assert.deepEqual(seen, ['2', '3', '4']);
});

test('a fault in whoever consumes does not reach the parser', async () => {
  const { stream, server, log } = await opened();
  const seen: (string | undefined)[] = [];
  stream.consume((element) => {
    seen.push(element.attrs.id);
    throw new TypeError('a bug');
  });
  server.write('<message id="1"/><message id="2"/>');
  await new Promise(setImmediate);
  assert.deepEqual(seen, ['1', '2']);
  assert.equal(log.lines.length, 2);
});

test('a server that falls silent, is cut, or speaks no XMPP rejects the reader', async () => {
  const answering = (answer: (server: Duplex) => void): Promise<unknown> => {
    const { stream, server } = setUp();
    const features = stream.open().then(() => stream.next());
    answer(server);
    return features;
  };
  await assert.rejects(
    answering((server) => server.end()),
    isError('M4C_XMPP_UNREACHABLE', /closed/),
  );
  await assert.rejects(
    answering((server) => server.write('<html><body>')),
    isError('M4C_XMPP_UNREACHABLE', /no XMPP server/),
  );
  await assert.rejects(
    answering((server) => server.write(HEADER + '<a/>')),
    isError('M4C_XMPP_UNREACHABLE', /no stream features/),
  );
  const flooded = await opened();
  flooded.server.write('<a/>'.repeat(100));
  assert.match((await flooded.stream.closed).error.detail ?? '', /too much/);
  const waiting = await opened();
  const next = waiting.stream.next();
  waiting.stream.destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'no log-in in time'));
  await assert.rejects(next, isError('M4C_XMPP_UNREACHABLE', /in time/));
});

test('a stream error is the reason of the end', async () => {
  const ending = async (condition: string) => {
    const { stream, server } = await opened();
    server.write(
      `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
    );
    server.end();
    return stream.closed;
  };
  const conflict = await ending('conflict');
  assert.deepEqual([conflict.condition, conflict.error.code], ['conflict', 'M4C_XMPP_CONFLICT']);
  assert.equal((await ending('host-unknown')).error.code, 'M4C_XMPP_LOGIN');
  assert.equal((await ending('system-shutdown')).error.code, 'M4C_XMPP_UNREACHABLE');
});

test('closing sends the footer, refuses what comes later, and does not wait for ever', async () => {
  const { stream, server, clock } = await opened();
  const footer = read(server);
  const closed = stream.close();
  assert.equal(await footer, '</stream:stream>');
  await assert.rejects(stream.send(xml('presence')), isError('M4C_XMPP_OFFLINE'));
  clock.advance(1_000);
  await closed;
  await assert.rejects(stream.next(), isError('M4C_XMPP_OFFLINE'));
});
