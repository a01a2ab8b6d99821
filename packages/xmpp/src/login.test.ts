// Mutation seen red: see each test's own line. The client of the library is the real one, over TLS to a scripted server.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { xml } from './element.ts';
import { logIn } from './login.ts';
import { within } from './stream-limit.ts';
import { createStream } from './stream.ts';
import { fakeClock, isError, rememberingLog } from './test-fakes.ts';
import { startScriptedServer } from './test-server.ts';

const JID = 'te1@alpha.test/a';
const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const MORE =
  "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><sm xmlns='urn:xmpp:sm:3'/>" +
  "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><mechanism>EXTERNAL</mechanism><inline>" +
  "<bind xmlns='urn:xmpp:bind:0'/><fast xmlns='urn:xmpp:fast:0'/></inline></authentication>";
const features = (...parts: readonly string[]): string =>
  `${HEADER}<stream:features>${parts.join('')}</stream:features>`;
const mechanisms = (...names: readonly string[]): string =>
  `<mechanisms ${SASL}>${names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`;
const BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
const bound = (jid: string): string =>
  `<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${jid}</jid></bind></iq>`;

async function setUp(context: TestContext) {
  const server = await startScriptedServer();
  const clock = fakeClock();
  const stream = createStream({
    domain: 'alpha.test',
    jid: JID,
    tls: server.tls,
    clock,
    log: rememberingLog(),
  });
  context.after(async () => {
    stream.destroy(new Mom4cError('M4C_STOPPED'));
    await server.close();
  });
  const limit = { ms: 20_000, clock, what: 'log-in' };
  const loggedIn = within(limit, stream, () => logIn(stream, JID));
  loggedIn.catch(() => {});
  const peer = await server.connection();
  await peer.read('<stream:stream');
  return { stream, peer, clock, loggedIn };
}

async function authenticated(context: TestContext) {
  const parts = await setUp(context);
  const { peer } = parts;
  peer.write(features(MORE, mechanisms('ANONYMOUS', 'PLAIN', 'SCRAM-SHA-1', 'EXTERNAL')));
  const auth = await peer.read('</auth>');
  peer.write(`<success ${SASL}/>`);
  await peer.read('<stream:stream');
  peer.write(features(MORE, BIND));
  const bind = await peer.read('</iq>');
  return { ...parts, auth, bind };
}

// Red with `authzid` empty in client.ts; with the server's own features shown to the library in `onlyExternal` (it
// takes SASL2) and in `onlyBind` (it enables stream management).
test('log-in is by certificate, under the wanted address, and asks for nothing else', async (context) => {
  const { stream, peer, loggedIn, auth, bind } = await authenticated(context);
  const authzid = Buffer.from('te1@alpha.test').toString('base64');
  assert.equal(auth, `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="EXTERNAL">${authzid}</auth>`);
  assert.match(bind, /^<iq type="set" id="bind"><bind [^>]*><resource>a<\/resource><\/bind><\/iq>$/);
  peer.write(`${bound(JID)}<message id='early'/>`);
  await loggedIn;
  const early = new Promise((resolve) => stream.consume(({ attrs }) => resolve(attrs.id)));
  assert.equal(await early, 'early', 'what came with the last answer is not lost');
  await new Promise(setImmediate);
  await stream.send(xml('presence'));
  assert.equal(await peer.read('<presence/>'), '<presence/>');
});

// Red with the comparison in `onlyExternal` removed.
test('without EXTERNAL there is no log-in, by no other mechanism', async (context) => {
  const { peer, loggedIn } = await setUp(context);
  peer.write(features(MORE, mechanisms('ANONYMOUS', 'PLAIN', 'SCRAM-SHA-1')));
  assert.equal(await peer.read('</stream:stream>'), '</stream:stream>');
  peer.end();
  await assert.rejects(loggedIn, isError('M4C_XMPP_LOGIN', /EXTERNAL/));
});

// Red with `temporary-auth-failure` not told apart in stream-fault.ts; with `challenge` returning.
test('a refusal is final, unless the server says that it will pass', async (context) => {
  const answering = async (answer: string): Promise<void> => {
    const { peer, loggedIn } = await setUp(context);
    peer.write(features(mechanisms('EXTERNAL')));
    await peer.read('</auth>');
    peer.write(answer);
    peer.end();
    return loggedIn;
  };
  const failure = (condition: string): string => `<failure ${SASL}><${condition}/></failure>`;
  await assert.rejects(
    answering(failure('not-authorized')),
    isError('M4C_XMPP_LOGIN', /^not-authorized for te1@alpha.test$/),
  );
  await assert.rejects(
    answering(failure('temporary-auth-failure')),
    isError('M4C_XMPP_UNREACHABLE', /^temporary-auth-failure/),
  );
  await assert.rejects(
    answering(`<challenge ${SASL}>AAAA</challenge>`),
    isError('M4C_XMPP_LOGIN', /asks for more/),
  );
  await assert.rejects(answering(`<failure ${SASL}/>`), isError('M4C_XMPP_UNREACHABLE'));
  await assert.rejects(answering('<iq type="get" id="1"/>'), isError('M4C_XMPP_UNREACHABLE', /no answer/));
});

// Red with the comparisons in `bind` removed, one by one.
test('an address that is refused, or is another one, is no log-in', async (context) => {
  const answering = async (answer: string): Promise<void> => {
    const { peer, loggedIn } = await authenticated(context);
    peer.write(answer);
    peer.end();
    return loggedIn;
  };
  const refused = (type: string, condition: string): string =>
    `<iq type='error' id='bind'><error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;
  await assert.rejects(answering(refused('cancel', 'not-allowed')), isError('M4C_XMPP_LOGIN', /not-allowed/));
  await assert.rejects(answering(refused('wait', 'resource-constraint')), isError('M4C_XMPP_UNREACHABLE'));
  await assert.rejects(answering(bound('te1@alpha.test/b')), isError('M4C_XMPP_LOGIN', /another address/));
  await assert.rejects(answering('<iq type="result" id="x"/>'), isError('M4C_XMPP_UNREACHABLE', /no answer/));
});

// Red with the library's own `iqCaller.request` (`send` is still unconfirmed): an unhandled rejection.
test('an error that is quicker than the confirmation of the sending is no unhandled rejection', async (context) => {
  const { stream, peer, loggedIn } = await setUp(context);
  peer.write(features(mechanisms('EXTERNAL')));
  await peer.read('</auth>');
  const write = stream.client.write.bind(stream.client);
  const confirm = Promise.withResolvers<void>();
  stream.client.write = async (text) => {
    await write(text);
    if (text.includes('<bind')) await confirm.promise;
  };
  peer.write(`<success ${SASL}/>`);
  await peer.read('<stream:stream');
  peer.write(features(BIND));
  await peer.read('</iq>');
  peer.write("<iq type='error' id='bind'><error type='cancel'><not-allowed/></error></iq></stream:stream>");
  peer.end();
  await stream.closed;
  confirm.resolve();
  await assert.rejects(loggedIn);
});

// Red without `clock.after` in stream-limit.ts.
test('a server that never comes to the point is given up', async (context) => {
  for (const script of ['', HEADER, features(mechanisms('EXTERNAL'))]) {
    const { peer, clock, loggedIn } = await setUp(context);
    peer.write(script);
    clock.advance(20_000);
    await assert.rejects(loggedIn, isError('M4C_XMPP_UNREACHABLE', /no log-in in time/));
    await peer.closed;
  }
});
