// Mutations seen red, one each: `from` not compared with the hosts; `isSelfContained` not asked; the stream chosen by
// the first host with a connection for each; `online` with the first of two; `xmlns` left; the next stanza handed on
// while the handler works; the socket not paused meanwhile; a handler's rejection that stops all that comes after;
// the others not stopped when one is refused; a host that is added later and refused taken for fatal; the former hosts
// still spoken for. The server is scripted; real ones are in test/integration.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import type { Mom4cError } from '@mom4c/core';
import { createComponentHosts, type ComponentHosts } from './component-hosts.ts';
import { xml, type Element } from './element.ts';
import { countingRandom, fakeClock, isError, rememberingLog } from './test-fakes.ts';
import { startPlainServer, type Peer, type ScriptedServer } from './test-server.ts';

const HOSTS = ['beta.test', 'conference.beta.test'];
const SECRET = 'not so secret';

async function setUp(context: TestContext, connections: 'one' | 'each') {
  const server = await startPlainServer();
  const log = rememberingLog();
  const clock = fakeClock();
  const component = createComponentHosts({
    host: '127.0.0.1',
    port: server.port,
    ...{ hosts: HOSTS, secret: SECRET, connections, log, clock, random: countingRandom() },
  });
  context.after(async () => {
    await component.stop();
    await server.close();
  });
  return { server, component, log, clock };
}

/** Accepts the next connection. @returns for which host it is */
async function admit(server: ScriptedServer): Promise<{ peer: Peer; host: string }> {
  const peer = await server.connection();
  const host = / to='([^']*)'>$/.exec(await peer.read('>'))![1]!;
  peer.write(
    `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='${host}'>`,
  );
  const proof = createHash('sha1').update(`1${SECRET}`).digest('hex');
  assert.equal(await peer.read('</handshake>'), `<handshake>${proof}</handshake>`);
  peer.write('<handshake/>');
  return { peer, host };
}

async function online(context: TestContext, connections: 'one' | 'each') {
  const parts = await setUp(context, connections);
  const started = parts.component.start();
  const peers = new Map<string, Peer>();
  for (let number = connections === 'one' ? 1 : HOSTS.length; number > 0; number--) {
    const { peer, host } = await admit(parts.server);
    peers.set(host, peer);
  }
  await started;
  return { ...parts, peers, peer: peers.get('beta.test')! };
}

const message = (from: string, ...children: Element[]): Element =>
  xml('message', { from, to: 'te1@alpha.test/x' }, ...children);

/** What the component hands on, and a promise for each that the test settles. */
function handling(component: ComponentHosts) {
  const ids: (string | undefined)[] = [];
  const work: PromiseWithResolvers<void>[] = [];
  component.onStanza((element) => {
    ids.push(element.attrs.id);
    const own = Promise.withResolvers<void>();
    work.push(own);
    return own.promise;
  });
  return { ids, work };
}

async function settled(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

test('one connection speaks for all hosts, and for nobody else', async (context) => {
  const { server, component, peer } = await online(context, 'one');
  assert.equal(component.online, true);
  assert.equal(server.count(), 1);
  for (const from of ['te9@beta.test/a b', 'cluster@conference.beta.test/nick', 'beta.test']) {
    await component.send(message(from));
    assert.match(await peer.read('/>'), new RegExp(`from="${from}"`));
  }
  for (const from of [
    'cm@alpha.test',
    'te9@x.beta.test',
    'te9@BETA.test',
    'beta.test.',
    '@beta.test',
    '',
    'a b',
  ])
    await assert.rejects(component.send(message(from)), isError('M4C_PARTNER_ADDRESS'), from);
  await assert.rejects(component.send(xml('message', {})), isError('M4C_PARTNER_ADDRESS'));
  await component.send(message('beta.test', xml('last')));
  assert.match(await peer.read('<last/>'), /^<message from="beta.test"[^<]*<last\/><\/message>$/);
});

test('a connection for each host carries what is from that host', async (context) => {
  const { component, peers } = await online(context, 'each');
  assert.deepEqual([...peers.keys()].toSorted(), HOSTS);
  await component.send(message('cluster@conference.beta.test/nick'));
  await component.send(message('te9@beta.test'));
  assert.match(await peers.get('conference.beta.test')!.read('/>'), /from="cluster@conference/);
  assert.match(await peers.get('beta.test')!.read('/>'), /from="te9@beta/);
});

test('it is online while all connections are', async (context) => {
  const { server, component, clock } = await setUp(context, 'each');
  const changes: string[] = [];
  component.onOnline(() => void changes.push('online'));
  component.onOffline(({ code }) => void changes.push(code));
  const started = component.start();
  const first = await admit(server);
  const waiting = await server.connection();
  assert.equal(component.online, false);
  waiting.end();
  await waiting.closed;
  clock.advance(30_000);
  const second = await admit(server);
  await started;
  assert.equal(component.online, true);
  first.peer.end();
  await first.peer.closed;
  await settled(() => !component.online);
  await assert.rejects(component.send(message(first.host)), isError('M4C_XMPP_OFFLINE'));
  await component.send(message(second.host));
  second.peer.end();
  for (let come = server.count(); server.count() < come + 2; await new Promise(setImmediate))
    clock.advance(100);
  await admit(server);
  await admit(server);
  await settled(() => component.online);
  assert.deepEqual(changes, ['online', 'M4C_XMPP_UNREACHABLE', 'online']);
});

test('all that comes is handed on as it is, but for the namespace of the stream', async (context) => {
  const { component, peer } = await online(context, 'one');
  const seen: string[] = [];
  component.onStanza((element) => void seen.push(element.toString()));
  peer.write(
    `<message xmlns='jabber:component:accept' from='x' to='y'><body>1</body></message><iq type='result' id='2'/>`,
  );
  await settled(() => seen.length === 2);
  assert.deepEqual(seen, ['<message from="x" to="y"><body>1</body></message>', '<iq type="result" id="2"/>']);
});

test('while a stanza is worked on no other is handed on, and none is lost', async (context) => {
  const { component, peer, log } = await online(context, 'one');
  const { ids, work } = handling(component);
  peer.write(`<message id='1'/><message id='2'/>`);
  await settled(() => work.length === 1);
  peer.write(`<message id='3'/>`);
  await new Promise(setImmediate);
  assert.deepEqual(ids, ['1']);
  work[0]!.reject(new Error('a bug'));
  await settled(() => work.length === 2);
  work[1]!.resolve();
  await settled(() => work.length === 3);
  assert.deepEqual(ids, ['1', '2', '3']);
  assert.equal(log.lines.at(-1)!.message, 'a fault while handling a stanza');
});

test('while a stanza is worked on the server cannot send more than the system holds', async (context) => {
  const { component, peer } = await online(context, 'one');
  const { ids, work } = handling(component);
  const piece = `<message id='x'><body>${'x'.repeat(60_000)}</body></message>`;
  const pieces = 400;
  let drained = 0;
  for (let number = 0; number < pieces; number++) void peer.push(piece).then(() => (drained += 1));
  await settled(() => work.length === 1);
  // What the system takes stays below 24 MB: the writer is held up.
  const before = drained;
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  assert.ok(drained < pieces, `${before}, then ${drained} of ${pieces} were taken`);
  component.onStanza((element) => void ids.push(element.attrs.id));
  work[0]!.resolve();
  await settled(() => ids.length === pieces);
});

test('what is not XML by itself does not leave', async (context) => {
  const { component, peer } = await online(context, 'one');
  const { ids } = handling(component);
  const kept: Element[] = [];
  component.onStanza((element) => void kept.push(element));
  peer.write(
    `<message from='beta.test'><stream:error/></message>` +
      `<message from='beta.test'><a stream:b='c'/></message>` +
      `<message from='beta.test' xmlns:p='urn:p'><p:a xml:lang='en' p:b='c'><x xmlns:q='urn:q'><q:y/></x></p:a></message>` +
      `<message from='beta.test'><x xmlns:q='urn:q'/><q:y/></message>`,
  );
  await settled(() => kept.length === 4);
  const outcomes = await Promise.allSettled(kept.map((element) => component.send(element)));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled', 'rejected'],
  );
  assert.ok(outcomes[0]!.status === 'rejected' && isError('M4C_MALFORMED')(outcomes[0]!.reason));
  assert.deepEqual(ids, []);
});

test('refused for one host is refused for all, for good', async (context) => {
  const { server, component } = await setUp(context, 'each');
  const fatal: Mom4cError[] = [];
  component.onFatal((error) => void fatal.push(error));
  const refused = assert.rejects(component.start(), isError('M4C_XMPP_LOGIN'));
  const { peer } = await admit(server);
  const other = await server.connection();
  await other.read('>');
  other.write(
    `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>` +
      `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
  );
  await refused;
  await peer.closed;
  assert.equal(component.online, false);
  assert.deepEqual(
    fatal.map(({ code }) => code),
    ['M4C_XMPP_LOGIN'],
  );
});

test('a host is a domain, and is named once', () => {
  const make = (hosts: string[]): unknown =>
    createComponentHosts({
      host: '127.0.0.1',
      port: 1,
      hosts,
      secret: SECRET,
      connections: 'one',
      log: rememberingLog(),
    });
  for (const hosts of [[], ['BETA.test'], ['a', 'a'], ["x' to='y"]])
    assert.throws(() => make(hosts), isError('M4C_MALFORMED'));
});

test('hosts that come later are spoken for once the server has taken them; hosts that go are not', async (context) => {
  const { server, component, log } = await online(context, 'each');
  let times = 0;
  component.onOffline(() => void (times += 1));
  component.onOnline(() => void (times += 1));
  component.follow(['beta.test', 'gamma.test']);
  await assert.rejects(component.send(message('conference.beta.test')), isError('M4C_PARTNER_ADDRESS'));
  await assert.rejects(component.send(message('gamma.test')), isError('M4C_XMPP_OFFLINE'));
  assert.equal(component.online, true, 'the others go on');
  const { peer, host } = await admit(server);
  assert.equal(host, 'gamma.test');
  await settled(() => log.lines.some(({ fields }) => JSON.stringify(fields).includes('gamma.test')));
  await component.send(message('gamma.test'));
  assert.match(await peer.read('/>'), /from="gamma.test"/);
  assert.equal(times, 0);
});

test('a host that comes later and is refused takes nothing from the others', async (context) => {
  const { server, component, log } = await online(context, 'each');
  let fatal = 0;
  component.onFatal(() => void (fatal += 1));
  component.follow([...HOSTS, 'gamma.test']);
  const peer = await server.connection();
  await peer.read('>');
  peer.write(
    "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>" +
      "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
  );
  await settled(() => log.lines.some((line) => JSON.stringify(line).includes('the component has ended')));
  assert.deepEqual([component.online, fatal], [true, 0]);
  await component.send(message('beta.test'));
});

test('one connection speaks for hosts that come later', async (context) => {
  const { server, component, peer } = await online(context, 'one');
  component.follow(['gamma.test']);
  await component.send(message('gamma.test'));
  assert.match(await peer.read('/>'), /from="gamma.test"/);
  await assert.rejects(component.send(message('beta.test')), isError('M4C_PARTNER_ADDRESS'));
  assert.equal(server.count(), 1);
  assert.throws(() => component.follow(['gamma.test', 'gamma.test']), isError('M4C_MALFORMED'));
  assert.deepEqual(component.hosts, ['gamma.test']);
});
