// Our own initiator against a server by hand. Mutations seen red, one each: what is pipelined behind `<proceed/>` not looked
// at; the offered mechanisms not looked at; no TLS taken for good; the signal not listened to; the certificate not verified;
// the host of the header not compared.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { S2sPolicy } from './s2s.ts';
import type { S2sConnection } from './s2s-initiator.ts';
import { certificateFor, ENCRYPTED, SSO, VERIFIED } from './test-certificates.ts';
import { fakeClock, isError } from './test-fakes.ts';
import { AGENT, ALPHA, connectAsBeta, userOf } from './test-s2s.ts';
import { settles, startPlainServer, startTlsServer, type Peer } from './test-server.ts';

const HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' id='s1' from='${ALPHA}' version='1.0'>`;
const NS = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const offer = (mechanism: string): string =>
  `<stream:features><mechanisms ${NS}><mechanism>${mechanism}</mechanism></mechanisms></stream:features>`;
const challenge = (text: string): string =>
  `<challenge ${NS}>${Buffer.from(text).toString('base64')}</challenge>`;
const SUCCESS = `<success ${NS}/>`;
const idle = userOf(() => new Promise(() => {}));

/** beta.test on its way to a server that says what the test says; with alpha.test's certificate, over direct TLS. */
async function onItsWay(context: TestContext, policy: S2sPolicy, more: Partial<S2sConnection> = {}) {
  const server =
    policy.tls === 'direct' ? await startTlsServer(certificateFor(ALPHA)) : await startPlainServer();
  context.after(() => server.close());
  const connecting = connectAsBeta(context, server.port, policy, { saml: idle, ...more });
  connecting.catch(() => {});
  const peer = await server.connection();
  return { connecting: settles(connecting, 'the outcome'), peer };
}

async function honest(peer: Peer): Promise<void> {
  await peer.read('<stream:stream');
  peer.write(HEADER + offer('SAML20'));
  assert.match(await peer.read('</auth>'), /mechanism="SAML20">/);
  peer.write(challenge(AGENT));
  await peer.read('</response>');
  peer.write(SUCCESS);
  await peer.read('<stream:stream');
  peer.write(`${HEADER}<stream:features/>`);
}

test('a peer that says what a peer should say gets a stream', async (context) => {
  const { connecting, peer } = await onItsWay(context, SSO);
  await honest(peer);
  const stream = await connecting;
  assert.equal(stream.id, 's1');
});

const LESS: readonly (readonly [what: string, policy: S2sPolicy, said: string])[] = [
  ['EXTERNAL', SSO, offer('EXTERNAL')],
  ['PLAIN and SCRAM', SSO, offer('PLAIN</mechanism><mechanism>SCRAM-SHA-256')],
  ['dialback', SSO, "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"],
  ['nothing', SSO, '<stream:features/>'],
  ['no TLS, but EXTERNAL', ENCRYPTED, offer('EXTERNAL')],
  ['no TLS at all', ENCRYPTED, '<stream:features/>'],
];

for (const [what, policy, said] of LESS)
  test(`a peer that offers ${what} where ${policy.authentication} is due is left, and learns nothing`, async (context) => {
    const { connecting, peer } = await onItsWay(context, policy);
    await peer.read('<stream:stream');
    peer.write(HEADER + said);
    await assert.rejects(connecting, isError('M4C_PARTNER_LEVEL'));
    assert.equal(await peer.read('</stream:stream>'), '</stream:stream>');
  });

test('a peer that offers STARTTLS and does not proceed is left', async (context) => {
  const { connecting, peer } = await onItsWay(context, VERIFIED);
  await peer.read('<stream:stream');
  peer.write(
    `${HEADER}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>`,
  );
  await peer.read('<starttls');
  peer.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  await assert.rejects(connecting, isError('M4C_PARTNER_LEVEL'));
});

test('what a peer says in clear behind its `proceed` is not taken for something that came over TLS', async (context) => {
  const { connecting, peer } = await onItsWay(context, ENCRYPTED);
  await peer.read('<stream:stream');
  peer.write(
    `${HEADER}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>`,
  );
  await peer.read('<starttls');
  peer.write(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${HEADER}${offer('EXTERNAL')}`);
  await assert.rejects(connecting, isError('M4C_PARTNER_STREAM', /behind STARTTLS/));
});

test('TLS 1.2 where 1.3 is due', async (context) => {
  const server = await startTlsServer({ ...certificateFor(ALPHA), maxVersion: 'TLSv1.2' });
  context.after(() => server.close());
  await assert.rejects(
    settles(connectAsBeta(context, server.port, SSO, { saml: idle }), 'a refusal'),
    isError('M4C_PARTNER_LEVEL'),
  );
});

test('a peer with the certificate of another hears not even the stream header', async (context) => {
  const server = await startTlsServer(certificateFor('gamma.test'));
  context.after(() => server.close());
  await assert.rejects(
    settles(connectAsBeta(context, server.port, SSO, { saml: idle }), 'a refusal'),
    isError('M4C_PARTNER_CERTIFICATE'),
  );
  await assert.rejects((await server.connection()).said(), /closed before anything came; there was: $/m);
});

const WRONG_HEADERS: readonly (readonly [what: string, header: string])[] = [
  ['another host', HEADER.replace(ALPHA, 'gamma.test')],
  ['another version', HEADER.replace("version='1.0'>", "version='0.9'>")],
  ['a server for clients', HEADER.replace('jabber:server', 'jabber:client')],
  ['a page of the web', '<html>'],
];

for (const [what, header] of WRONG_HEADERS)
  test(`a header of ${what} ends it`, async (context) => {
    const { connecting, peer } = await onItsWay(context, SSO);
    await peer.read('<stream:stream');
    peer.write(header + offer('SAML20'));
    await assert.rejects(connecting, isError('M4C_PARTNER_STREAM'));
  });

const CHALLENGES: readonly (readonly [
  what: string,
  said: string,
  code: 'M4C_MALFORMED' | 'M4C_PARTNER_STREAM',
])[] = [
  ['is no URL', challenge('agent'), 'M4C_MALFORMED'],
  ['is no https URL', challenge('http://agent.alpha.test/'), 'M4C_MALFORMED'],
  ['is a file', challenge('file:///etc/passwd'), 'M4C_MALFORMED'],
  ['has a line end', challenge(`${AGENT}\r\nX: y`), 'M4C_MALFORMED'],
  ['is too long', challenge(`${AGENT}?${'a'.repeat(2_048)}`), 'M4C_MALFORMED'],
  ['is no base64', `<challenge ${NS}>${AGENT}</challenge>`, 'M4C_MALFORMED'],
  ['is missing', SUCCESS, 'M4C_PARTNER_STREAM'],
];

for (const [what, said, code] of CHALLENGES)
  test(`the agent never sees a challenge that ${what}`, async (context) => {
    const saml = userOf(() => assert.fail('the agent was asked'));
    const { connecting, peer } = await onItsWay(context, SSO, { saml });
    await peer.read('<stream:stream');
    peer.write(HEADER + offer('SAML20'));
    await peer.read('</auth>');
    peer.write(said);
    await assert.rejects(connecting, isError(code));
  });

test('the verdict of the peer is the end of it, and the agent is told', async (context) => {
  let aborted: AbortSignal | undefined;
  const saml = userOf(({ signal }) => {
    aborted = signal;
    return new Promise(() => {});
  });
  const { connecting, peer } = await onItsWay(context, SSO, { saml });
  await peer.read('<stream:stream');
  peer.write(HEADER + offer('SAML20'));
  await peer.read('</auth>');
  peer.write(challenge(AGENT));
  await peer.read('</response>');
  peer.write(`<failure ${NS}><not-authorized/></failure>`);
  await assert.rejects(connecting, isError('M4C_PARTNER_LOGIN', /^not-authorized$/));
  assert.equal(aborted?.aborted, true);
});

test('what the agent fails with is the reason', async (context) => {
  const { Mom4cError } = await import('@mom4c/core');
  const saml = userOf(() => Promise.reject(new Mom4cError('M4C_AGENT_ADDRESS', 'another place')));
  const { connecting, peer } = await onItsWay(context, SSO, { saml });
  await peer.read('<stream:stream');
  peer.write(HEADER + offer('SAML20'));
  await peer.read('</auth>');
  peer.write(challenge('https://evil.test/'));
  await assert.rejects(connecting, isError('M4C_AGENT_ADDRESS'));
  await settles(peer.closed, 'the end of the connection');
});

/** What the peer says before it falls silent. */
const SILENCES: readonly (readonly [after: string, said: readonly string[]])[] = [
  ['at once', []],
  ['its header', [HEADER]],
  ['its features', [HEADER + offer('SAML20')]],
  ['its challenge', [HEADER + offer('SAML20'), challenge(AGENT)]],
  ['success', [HEADER + offer('SAML20'), challenge(AGENT), SUCCESS]],
];
const HEARD = ['<stream:stream', '</auth>', '</response>', '<stream:stream'];

for (const [after, said] of SILENCES)
  for (const how of ['time', 'signal'] as const)
    test(`a peer that falls silent after ${after} is given up by the ${how}`, async (context) => {
      const clock = fakeClock();
      const ended = new AbortController();
      const { connecting, peer } = await onItsWay(context, SSO, { clock, signal: ended.signal });
      connecting.catch(() => {});
      for (const [turn, text] of said.entries()) {
        await peer.read(HEARD[turn]!);
        peer.write(text);
      }
      const last = HEARD[after === 'its header' ? said.length - 1 : said.length];
      if (after !== 'its header') await peer.read(last!);
      if (how === 'time') clock.advance(60_000);
      else ended.abort();
      await assert.rejects(connecting, isError(how === 'time' ? 'M4C_PARTNER_STREAM' : 'M4C_STOPPED'));
      await settles(peer.closed, 'the end of the connection');
    });

test('a peer that says too much before log-in is left', async (context) => {
  const { connecting, peer } = await onItsWay(context, SSO);
  await peer.read('<stream:stream');
  peer.write(`${HEADER}<stream:features>${'<a/>'.repeat(20_000)}`);
  await assert.rejects(connecting, isError('M4C_PARTNER_STREAM', /too much before log-in/));
});

test('a port where nobody listens', async (context) => {
  const server = await startPlainServer();
  await server.close();
  await assert.rejects(
    connectAsBeta(context, server.port, SSO, { saml: idle }),
    isError('M4C_PARTNER_STREAM', /ECONNREFUSED/),
  );
});

test('a stream that was opened by us carries no stanzas of the peer', async (context) => {
  const { connecting, peer } = await onItsWay(context, SSO);
  await honest(peer);
  const stream = await connecting;
  peer.write("<message from='alpha.test'/>");
  await peer.read('<unsupported-stanza-type');
  await settles(stream.closed, 'the end of the stream');
});

test("the peer's stream error is the reason why it ended", async (context) => {
  const { connecting, peer } = await onItsWay(context, SSO);
  await honest(peer);
  const stream = await connecting;
  peer.write("<stream:error><invalid-from xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
  const { condition, error } = await settles(stream.closed, 'the end of the stream');
  assert.equal(condition, 'invalid-from');
  assert.equal(error.code, 'M4C_PARTNER_LOGIN');
});
