// Mutation seen red: see each test's own line. The client of the library is the real one, over TLS to a scripted server.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { Login } from './client.ts';
import { xml } from './element.ts';
import { logIn } from './login.ts';
import { createExternal } from './sasl-external.ts';
import { createScram } from './sasl-scram.ts';
import { within } from './stream-limit.ts';
import { createStream } from './stream.ts';
import { fakeClock, isError, rememberingLog } from './test-fakes.ts';
import { settles, startScriptedServer } from './test-server.ts';

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

const external = (): Login => ({ jid: JID, sasl: createExternal('te1@alpha.test') });

async function setUp(context: TestContext, login = external()) {
  const server = await startScriptedServer();
  const clock = fakeClock();
  const stream = createStream({
    domain: 'alpha.test',
    login,
    tls: server.tls,
    clock,
    log: rememberingLog(),
  });
  context.after(async () => {
    stream.destroy(new Mom4cError('M4C_STOPPED'));
    await server.close();
  });
  const limit = { ms: 20_000, clock, what: 'log-in' };
  const loggedIn = settles(
    within(limit, stream, () => logIn(stream, login)),
    'the log-in',
  );
  loggedIn.catch(() => {});
  const peer = await server.connection();
  await peer.read('<stream:stream');
  return { stream, peer, clock, loggedIn };
}

/** The example of RFC 7677 §3. */
const SCRAM = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
} as const;
const withPassword = (): Login => ({
  jid: 'user@alpha.test/a',
  sasl: createScram('user@alpha.test', 'pencil', {
    bytes: () => Buffer.from('rOprNGfwEbeRWgbNEkqO', 'base64'),
  }),
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function authenticated(context: TestContext) {
  const parts = await setUp(context);
  const { peer } = parts;
  peer.write(features(MORE, mechanisms('ANONYMOUS', 'PLAIN', 'SCRAM-SHA-1', 'EXTERNAL')));
  const auth = await peer.said();
  peer.write(`<success ${SASL}/>`);
  await peer.read('<stream:stream');
  peer.write(features(MORE, BIND));
  const bind = await peer.said();
  return { ...parts, auth, bind };
}

// Red with the authzid empty in sasl-external.ts; with the server's own features shown to the library in `onlyMechanism` (it
// takes SASL2) and in `onlyBind` (it enables stream management).
test('log-in is by certificate, under the wanted address, and asks for nothing else', async (context) => {
  const { stream, peer, loggedIn, auth, bind } = await authenticated(context);
  const authzid = Buffer.from('te1@alpha.test').toString('base64');
  assert.equal(auth, `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="EXTERNAL">${authzid}</auth>`);
  assert.match(bind, /^<iq type="set" id="bind"><bind [^>]*><resource>a<\/resource><\/bind><\/iq>$/);
  peer.write(`${bound(JID)}<message id='early'/>`);
  await loggedIn;
  const early = new Promise((resolve) => stream.consume(({ attrs }) => resolve(attrs.id)));
  assert.equal(
    await settles(early, 'the early message'),
    'early',
    'what came with the last answer is not lost',
  );
  await new Promise(setImmediate);
  await stream.send(xml('presence'));
  assert.equal(await peer.read('<presence/>'), '<presence/>');
});

// Red with the comparison in `onlyMechanism` removed.
test('without the mechanism that is configured there is no log-in, by no other', async (context) => {
  const cases = [
    {
      login: external(),
      offered: ['ANONYMOUS', 'PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'],
      detail: /EXTERNAL/,
    },
    { login: withPassword(), offered: ['EXTERNAL', 'PLAIN', 'SCRAM-SHA-1'], detail: /SCRAM-SHA-256/ },
  ];
  for (const { login, offered, detail } of cases) {
    const { peer, loggedIn } = await setUp(context, login);
    peer.write(features(MORE, mechanisms(...offered)));
    assert.equal(await peer.read('>'), '</stream:stream>');
    peer.end();
    await assert.rejects(loggedIn, isError('M4C_XMPP_LOGIN', detail));
  }
});

/** To the point where the server has the proof of the client. */
async function challenged(context: TestContext) {
  const parts = await setUp(context, withPassword());
  parts.peer.write(
    features(MORE, mechanisms('PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'EXTERNAL')),
  );
  const auth = await parts.peer.said();
  parts.peer.write(`<challenge ${SASL}>${base64(SCRAM.serverFirst)}</challenge>`);
  const response = await parts.peer.said();
  return { ...parts, auth, response };
}

// Red with another mechanism shown to the library; with `challenge` not negotiated.
test('log-in is by password, with SCRAM-SHA-256', async (context) => {
  const { peer, loggedIn, auth, response } = await challenged(context);
  const xmlns = 'xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="SCRAM-SHA-256"';
  assert.equal(auth, `<auth ${xmlns}>${base64(SCRAM.clientFirst)}</auth>`);
  assert.equal(response, `<response ${xmlns}>${base64(SCRAM.clientFinal)}</response>`);
  peer.write(`<success ${SASL}>${base64(SCRAM.serverFinal)}</success>`);
  await peer.read('<stream:stream');
  peer.write(features(BIND));
  await peer.read('</iq>');
  peer.write(bound('user@alpha.test/a'));
  await loggedIn;
});

// Red without `sasl.finish`; with its error thrown after `negotiate`; without `dataIn` for challenges.
test('a server that does not know the password gets no session', async (context) => {
  const forged = base64(`v=${Buffer.alloc(32).toString('base64')}`);
  for (const success of [
    `<success ${SASL}/>`,
    `<success ${SASL}>=</success>`,
    `<success ${SASL}>${forged}</success>`,
  ]) {
    const { peer, loggedIn } = await challenged(context);
    peer.write(success);
    // The stream is ended, not opened anew.
    assert.equal(await peer.read('>'), '</stream:stream>');
    peer.end();
    await assert.rejects(loggedIn, isError('M4C_XMPP_LOGIN', /did not prove/));
  }
  const answering = async (element: string): Promise<void> => {
    const { peer, loggedIn } = await setUp(context, withPassword());
    peer.write(features(mechanisms('SCRAM-SHA-256')));
    await peer.said();
    peer.write(element);
    peer.end();
    return loggedIn;
  };
  const early = `<success ${SASL}>${base64(SCRAM.serverFinal)}</success>`;
  await assert.rejects(answering(early), isError('M4C_XMPP_LOGIN', /did not prove/));
  const text = (of: string): string => `<challenge ${SASL}>${of}</challenge>`;
  await assert.rejects(answering(text('')), isError('M4C_XMPP_LOGIN', /says nothing/));
  await assert.rejects(answering(text('=')), isError('M4C_XMPP_LOGIN', /says nothing/));
  await assert.rejects(answering(text('a*')), isError('M4C_XMPP_LOGIN', /no base64/));
  await assert.rejects(answering(text('AAAA')), isError('M4C_XMPP_LOGIN', /not a challenge/));
});

// Red with `temporary-auth-failure` not told apart in stream-fault.ts; with `answer` resolving.
test('a refusal is final, unless the server says that it will pass', async (context) => {
  const answering = async (answer: string): Promise<void> => {
    const { peer, loggedIn } = await setUp(context);
    peer.write(features(mechanisms('EXTERNAL')));
    await peer.said();
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
  await peer.said();
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
    await settles(peer.closed, 'the end of the connection');
  }
});
