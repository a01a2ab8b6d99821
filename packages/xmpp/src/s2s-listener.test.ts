// Mutations seen red, one each: no bound of octets before log-in; the socket read on while a stanza is handled; what has
// arrived given up at the end; connections pushed out though they have shown a certificate; no limit for an address, or for
// two hosts; stanzas handed on as they came; the silent peer never given up; what ended a stream not told, or told twice; who
// has proved nothing keeps the place of the two hosts that he names; streams that have been closed keep theirs.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { MAX_STANZA_OCTETS, xml } from './element.ts';
import type { S2sStream } from './s2s.ts';
import { certificateFor, ENCRYPTED, PERMISSIVE, pinned, VERIFIED } from './test-certificates.ts';
import { fakeClock, isError } from './test-fakes.ts';
import { authOf, BETA, connectAsBeta, headerOf, listenAsAlpha, rawPeer, tlsPeer } from './test-s2s.ts';
import { settles, type Peer } from './test-server.ts';

type Alpha = Awaited<ReturnType<typeof listenAsAlpha>>;

/** beta.test by hand, in by EXTERNAL. */
async function loggedIn(alpha: Alpha): Promise<Peer> {
  const peer = await tlsPeer(alpha.listener.port, BETA);
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  peer.write(authOf('EXTERNAL', BETA));
  await peer.read('<success');
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  return peer;
}

function codesOf({ refused }: Alpha): string[][] {
  return refused.map(({ error, from }) => [error.code, from]);
}

const SLOW: readonly (readonly [what: string, octets: readonly string[]])[] = [
  ['nothing', []],
  ['half of a header', ['<?xml version=']],
  ['the beginning of TLS', ['\x16\x03\x01']],
  ['a header', [headerOf(BETA)]],
];

for (const [what, octets] of SLOW)
  test(`whoever says ${what} and no more is cut off`, async (context) => {
    const clock = fakeClock();
    const alpha = await listenAsAlpha(context, ENCRYPTED, { clock });
    (await loggedIn(alpha)).end();
    await (await alpha.stream()).close();
    const peer = await rawPeer(alpha.listener.port);
    for (const text of octets) peer.write(text);
    if (what === 'a header') await peer.read('</stream:features>');
    else if (octets.length > 0) await heardSomething(alpha);
    clock.advance(15_000);
    await settles(peer.closed, 'the end of the connection');
    assert.equal((await alpha.refusal()).error.code, 'M4C_PARTNER_STREAM');
    assert.equal(alpha.listener.connections, 0);
  });

/** What the other connections write has been read when one that came later has been answered. */
async function heardSomething(alpha: Alpha): Promise<void> {
  const later = await rawPeer(alpha.listener.port);
  later.write(headerOf(BETA));
  await later.read('</stream:features>');
  later.end();
  await alpha.refusal();
}

test('a flood of connections pushes out its own, and an honest log-in passes through', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED, { limits: { halfOpenPerAddress: 4 } });
  const flood: Peer[] = [];
  for (let count = 0; count < 12; count += 1) flood.push(await rawPeer(alpha.listener.port));
  await settles(Promise.all(flood.slice(0, 8).map(({ closed }) => closed)), 'the end of the oldest');
  await settles(connectAsBeta(context, alpha.listener.port, ENCRYPTED), 'the log-in');
  await alpha.stream();
  assert.ok(alpha.refused.length >= 8);
  assert.ok(alpha.refused.every(({ error, from }) => error.code === 'M4C_BUSY' && from === '127.0.0.1'));
  assert.ok(alpha.listener.connections <= 5);
});

test('who has shown a certificate is not pushed out', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED, { limits: { halfOpen: 1 } });
  const peer = await tlsPeer(alpha.listener.port, BETA);
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  const late = await rawPeer(alpha.listener.port);
  await settles(late.closed, 'the end of the late one');
  assert.equal((await alpha.refusal()).error.code, 'M4C_BUSY');
  peer.write(authOf('EXTERNAL', BETA));
  await peer.read('<success');
});

test('beyond all connections nobody is taken, and those that are there go on', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED, { limits: { connections: 1 } });
  const out = await settles(connectAsBeta(context, alpha.listener.port, ENCRYPTED), 'the log-in');
  const incoming = await alpha.stream();
  const late = await rawPeer(alpha.listener.port);
  await settles(late.closed, 'the end of the late one');
  assert.equal((await alpha.refusal()).error.code, 'M4C_BUSY');
  const heard = new Promise((resolve) => incoming.consume(resolve));
  await out.send(xml('message'));
  await settles(heard, 'a stanza');
});

test('two hosts have eight streams at a time, and no more', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  for (let count = 0; count < 8; count += 1) {
    await loggedIn(alpha);
    await alpha.stream();
  }
  const ninth = await tlsPeer(alpha.listener.port, BETA);
  ninth.write(headerOf(BETA));
  await ninth.read('<resource-constraint');
  assert.equal((await alpha.refusal()).error.code, 'M4C_BUSY');
});

test('of two hosts only the streams count that are open', async (context) => {
  // Nothing is closed by force.
  const alpha = await listenAsAlpha(context, PERMISSIVE, { clock: fakeClock() });
  const streams: S2sStream[] = [];
  for (let count = 0; count < 9; count += 1) {
    const peer = await tlsPeer(alpha.listener.port, undefined);
    peer.write(headerOf(BETA));
    await peer.read('</stream:features>');
    peer.pause();
    const stream = await alpha.stream();
    stream.consume(() => {});
    void stream.close();
    streams.push(stream);
  }
  assert.equal(alpha.listener.connections, 9);
  for (const stream of streams) stream.destroy(new Mom4cError('M4C_STOPPED'));
  await settles(Promise.all(streams.map(({ closed }) => closed)), 'the end');
  assert.deepEqual(alpha.refused, []);
});

test('who only says that he is the partner shuts nobody out, where there are no certificates', async (context) => {
  const alpha = await listenAsAlpha(context, VERIFIED);
  const liars: Peer[] = [];
  for (let count = 0; count < 8; count += 1) {
    const peer = await tlsPeer(alpha.listener.port, undefined);
    peer.write(headerOf(BETA));
    await peer.read('</stream:features>');
    liars.push(peer);
  }
  const honest = await tlsPeer(alpha.listener.port, BETA);
  honest.write(headerOf(BETA));
  await honest.read('</stream:features>');
  await settles(liars[0]!.closed, 'the end of the oldest');
  assert.equal((await alpha.refusal()).error.code, 'M4C_BUSY');
  assert.equal(alpha.listener.connections, 8);
});

test('before log-in there are at most 64 kB', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const twin = await loggedIn(alpha);
  (await alpha.stream()).consume(() => {});
  twin.write(`<message>${'x'.repeat(70_000)}</message>`);
  twin.end();
  const peer = await tlsPeer(alpha.listener.port, BETA);
  peer.write(`${headerOf(BETA).slice(0, -1)} x='${'x'.repeat(70_000)}'>`);
  await settles(peer.closed, 'the end of the connection');
  const { error } = await alpha.refusal();
  assert.ok(isError('M4C_PARTNER_STREAM', /too much before log-in/)(error));
});

test('while a stanza is handled nothing more is read, and then all come in their order', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const out = await settles(connectAsBeta(context, alpha.listener.port, ENCRYPTED), 'the log-in');
  const incoming = await alpha.stream();
  const seen: string[] = [];
  const release = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  incoming.consume((stanza) => {
    seen.push(stanza.attrs.id ?? '');
    first.resolve();
    if (seen.length === 20) all.resolve();
    return release.promise;
  });
  const sent = Array.from({ length: 20 }, (_, index) => String(index));
  const text = 'x'.repeat(60_000);
  for (const id of sent) void out.send(xml('message', { id }, xml('body', {}, text)));
  await settles(first.promise, 'the first');
  // Time enough for all of it, were it read.
  for (let count = 0; count < 3; count += 1)
    await settles(connectAsBeta(context, alpha.listener.port, ENCRYPTED), 'another log-in');
  assert.deepEqual(seen, ['0']);
  assert.ok(incoming.counts.octets < 200_000, String(incoming.counts.octets));
  release.resolve();
  await settles(all.promise, 'all stanzas');
  assert.deepEqual(seen, sent);
  assert.equal(incoming.counts.stanzas, 20);
});

test('what has arrived in whole is handled, though the peer has gone meanwhile', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const peer = await loggedIn(alpha);
  const incoming = await alpha.stream();
  const seen: (string | undefined)[] = [];
  const release = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  incoming.consume((stanza) => {
    seen.push(stanza.attrs.id);
    first.resolve();
    return release.promise;
  });
  peer.write("<message id='1'/><message id='2'/></stream:stream>");
  peer.end();
  await settles(first.promise, 'the first');
  release.resolve();
  await settles(incoming.closed, 'the end');
  assert.deepEqual(seen, ['1', '2']);
});

test('a stanza that would end another stream is dropped and counted, and the stream goes on', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const peer = await loggedIn(alpha);
  const seen: string[] = [];
  const last = Promise.withResolvers<void>();
  (await alpha.stream()).consume((stanza) => {
    seen.push(stanza.toString());
    if (stanza.attrs.id === 'last') last.resolve();
  });
  peer.write('<message><p:x/></message><message><db:x/></message>');
  peer.write(`<message id='large'><body>${'x'.repeat(2 * MAX_STANZA_OCTETS)}</body></message>`);
  peer.write(`<message id='deep'>${'<a>'.repeat(40)}${'</a>'.repeat(40)}</message><message id='last'/>`);
  await settles(last.promise, 'the last');
  assert.deepEqual(seen, [
    '<message xmlns:db="jabber:server:dialback"><db:x/></message>',
    '<message id="last"/>',
  ]);
  assert.deepEqual(codesOf(alpha), [
    ['M4C_MALFORMED', BETA],
    ['M4C_TOO_LARGE', BETA],
    ['M4C_TOO_LARGE', BETA],
  ]);
});

test('a stream carries stanzas, and nothing else', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  for (const sent of ["<message xmlns='jabber:client'/>", '<stream:message/>', '<db:result/>', '<x/>']) {
    const peer = await loggedIn(alpha);
    const incoming = await alpha.stream();
    incoming.consume(() => assert.fail('a stanza'));
    const before = alpha.refused.length;
    peer.write(sent.repeat(2));
    await peer.read('<unsupported-stanza-type');
    await settles(incoming.closed, 'the end');
    assert.deepEqual(codesOf(alpha).slice(before), [['M4C_PARTNER_STREAM', BETA]], sent);
  }
});

test('what cannot be read ends a stream, and is told once, beside an honest end, which is not', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  for (const sent of ['<!-- x -->', '<?x y?>', '<message>&j;</message>', '<message></presence>', '']) {
    const peer = await loggedIn(alpha);
    const incoming = await alpha.stream();
    incoming.consume(() => assert.fail('a stanza'));
    const before = alpha.refused.length;
    peer.write(sent || '</stream:stream>');
    await settles(incoming.closed, 'the end');
    assert.deepEqual(codesOf(alpha).slice(before), sent ? [['M4C_PARTNER_STREAM', BETA]] : [], sent);
  }
});

async function managed(context: TestContext) {
  const clock = fakeClock();
  const alpha = await listenAsAlpha(context, ENCRYPTED, { clock });
  const peer = await loggedIn(alpha);
  const incoming = await alpha.stream();
  incoming.consume(() => {});
  peer.write("<enable xmlns='urn:xmpp:sm:3'/>");
  await peer.read('<enabled');
  return { clock, peer, incoming };
}

test('a peer that has gone silent is noticed within 40 s, one that answers stays', async (context) => {
  const { clock, peer, incoming } = await managed(context);
  peer.write("<message/><r xmlns='urn:xmpp:sm:3'/>");
  assert.match(await peer.read('<a '), /h='1'/);
  clock.advance(30_000);
  await peer.read('<r ');
  peer.write("<a xmlns='urn:xmpp:sm:3' h='0'/><r xmlns='urn:xmpp:sm:3'/>");
  await peer.read('<a ');
  clock.advance(10_000);
  clock.advance(30_000);
  await peer.read('<r ');
  clock.advance(10_000);
  const { error } = await settles(incoming.closed, 'the end');
  assert.ok(isError('M4C_PARTNER_STREAM', /silent/)(error));
});

test('a new certificate is used from the next handshake on', async (context) => {
  const alpha = await listenAsAlpha(context, PERMISSIVE);
  const { port } = alpha.listener;
  const strict = { ...PERMISSIVE, verify: pinned };
  await settles(connectAsBeta(context, port, strict), 'the log-in');
  alpha.listener.renew(certificateFor('gamma.test'));
  await assert.rejects(connectAsBeta(context, port, strict), isError('M4C_PARTNER_CERTIFICATE'));
  assert.throws(
    () => alpha.listener.renew({ cert: 'none', key: 'none' }),
    isError('M4C_CERTIFICATE_INVALID'),
  );
});

test('stop tells the peers', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const out = await settles(connectAsBeta(context, alpha.listener.port, ENCRYPTED), 'the log-in');
  const incoming = await alpha.stream();
  incoming.consume(() => {});
  await settles(alpha.listener.stop(), 'stop');
  assert.equal((await settles(out.closed, 'the end')).condition, 'system-shutdown');
  assert.equal((await incoming.closed).error.code, 'M4C_STOPPED');
});

test('a port that is taken', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  await assert.rejects(
    listenAsAlpha(context, ENCRYPTED, { port: alpha.listener.port }),
    isError('M4C_CONFIG', /EADDRINUSE/),
  );
});
