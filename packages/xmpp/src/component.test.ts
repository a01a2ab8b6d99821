// Mutations seen red, one each: the proof made of the secret alone; no `from` in answers; `to` not looked at; the
// handshake's answer not awaited; `waiting` not handed on by `consume`; the loopback check taken out; `ENDING` without
// M4C_XMPP_LOGIN. The server is scripted; real ones are in test/integration.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { createComponentStream } from './component-stream.ts';
import { createComponent } from './component.ts';
import { xml } from './element.ts';
import { countingRandom, fakeClock, isError, rememberingLog } from './test-fakes.ts';
import { startPlainServer, type Peer } from './test-server.ts';

const DOMAIN = 'commands.alpha.test';
const SECRET = 'not so secret';
const KIND = { name: 'do', xmlns: 'urn:test' };
const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='3BF96D32' from='commands.alpha.test'>";
const NOT_AUTHORISED =
  "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

async function setUp(context: TestContext) {
  const server = await startPlainServer();
  const log = rememberingLog();
  const clock = fakeClock();
  const { port } = server;
  const link = { host: '127.0.0.1', port, domain: DOMAIN, secret: SECRET, log, clock };
  const component = createComponent({ ...link, random: countingRandom() });
  context.after(async () => {
    await component.stop();
    await server.close();
  });
  return { server, component, link, clock, log };
}

/** Accepts it as a server does that knows the secret. */
async function shakeHands(peer: Peer): Promise<void> {
  assert.match(await peer.read('>'), /xmlns='jabber:component:accept'.* to='commands\.alpha\.test'>$/);
  peer.write(HEADER);
  const proof = createHash('sha1').update(`3BF96D32${SECRET}`).digest('hex');
  assert.equal(await peer.read('</handshake>'), `<handshake>${proof}</handshake>`);
}

async function online(context: TestContext) {
  const parts = await setUp(context);
  const started = parts.component.start();
  const peer = await parts.server.connection();
  await shakeHands(peer);
  peer.write('<handshake/>');
  await started;
  return { ...parts, peer };
}

const iq = (to: string, from = "from='ann@people.alpha.test/x'"): string =>
  `<iq type='set' id='1' ${from} to='${to}'><do xmlns='urn:test'/></iq>`;
const ping =
  "<iq type='get' id='last' from='alpha.test' to='commands.alpha.test'><ping xmlns='urn:xmpp:ping'/></iq>";

test('it proves the secret, and answers under its own address', async (context) => {
  const { component, peer } = await online(context);
  assert.equal(component.online, true);
  component.onRequest(KIND, async ({ from }) => xml('done', { from }));
  peer.write(iq(DOMAIN));
  const answer = await peer.read('</iq>');
  assert.match(
    answer,
    /^<iq from="commands\.alpha\.test" to="ann@people\.alpha\.test\/x" id="1" type="result">/,
  );
  assert.match(answer, /<done from="ann@people.alpha.test\/x"\/>/);
});

test('dropped: what is not for the component itself, and what has no sender', async (context) => {
  const { component, peer } = await online(context);
  const unseen: string[] = [];
  component.onUnseen(({ error, from }) => void unseen.push(`${error.code} ${from}`));
  component.onRequest(KIND, async () => assert.fail('nobody asked us'));
  for (const to of ['alpha.test', 'x@commands.alpha.test', 'commands.alpha.test/x', 'commands.beta.test'])
    peer.write(iq(to));
  peer.write(iq(DOMAIN, '') + iq(DOMAIN, "from='Ann@people.alpha.test'"));
  peer.write(`<message from='ann@people.alpha.test/x' to='${DOMAIN}'><body>hello</body></message>`);
  // The first answer is the one to what came last.
  peer.write(ping);
  assert.match(await peer.read('/>'), /id="last"/);
  assert.equal(component.dropped['unexpected'], 5);
  assert.equal(component.dropped['no usable sender'], 2);
  assert.equal(unseen.length, 7);
  assert.equal(unseen[0], 'M4C_UNEXPECTED ann@people.alpha.test/x');
});

test('a wrong secret ends it for good, with one word to whoever wants to know', async (context) => {
  const { server, component, log } = await setUp(context);
  const heard: Mom4cError[] = [];
  component.onFatal((error) => void heard.push(error));
  const started = component.start();
  const refused = assert.rejects(started, isError('M4C_XMPP_LOGIN', /not-authorized/));
  const peer = await server.connection();
  await shakeHands(peer);
  peer.write(NOT_AUTHORISED);
  await refused;
  assert.equal(server.count(), 1);
  assert.deepEqual(
    heard.map(({ code }) => code),
    ['M4C_XMPP_LOGIN'],
  );
  assert.ok(!JSON.stringify(log.lines).includes(SECRET));
});

test('it is not online before the server has accepted it, and comes back after a loss', async (context) => {
  const { server, component, clock } = await setUp(context);
  const started = component.start();
  const first = await server.connection();
  await shakeHands(first);
  assert.equal(component.online, false);
  first.write('<handshake/>');
  await started;
  first.end();
  await first.closed;
  while (component.online) await new Promise(setImmediate);
  clock.advance(30_000);
  const second = await server.connection();
  await shakeHands(second);
  second.write(`<handshake/>${ping}`);
  assert.match(await second.read('/>'), /id="last"/);
  assert.equal(component.online, true);
});

test('stanzas that come with the answer to the handshake are not lost', async (context) => {
  const { server, link } = await setUp(context);
  const stream = createComponentStream(link);
  const peer = await server.connection();
  await shakeHands(peer);
  peer.write('<handshake/><message id="1"/><message id="2"/>');
  await stream.shakeHands();
  const seen: (string | undefined)[] = [];
  stream.consume(({ attrs }) => void seen.push(attrs.id));
  assert.deepEqual(seen, ['1', '2']);
  stream.destroy(new Mom4cError('M4C_STOPPED'));
  assert.equal((await stream.closed).error.code, 'M4C_STOPPED');
  await assert.rejects(stream.send(xml('message')), isError('M4C_XMPP_OFFLINE'));
});

test('stanzas instead of an answer to the handshake end the stream unseen', async (context) => {
  const { server, link } = await setUp(context);
  const stream = createComponentStream(link);
  const peer = await server.connection();
  await shakeHands(peer);
  stream.consume(() => assert.fail('not before the handshake'));
  peer.write(iq(DOMAIN));
  await assert.rejects(stream.shakeHands(), isError('M4C_XMPP_UNREACHABLE', /handshake/));
});

test('over the loopback interface only', async (context) => {
  const { link } = await setUp(context);
  for (const host of ['192.0.2.1', 'localhost', '::ffff:192.0.2.1', '0.0.0.0', ''])
    assert.throws(() => createComponentStream({ ...link, host }), isError('M4C_CONFIG'));
});
