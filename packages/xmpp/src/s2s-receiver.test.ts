// By hand against our own listener. Mutations seen red, one each: what is pipelined before success, or behind STARTTLS, not
// looked at; the two hosts not compared again after log-in; authzid, mechanism, kind or version of TLS not compared; a partner
// without its certificate told another condition than a stranger, or offered something else in clear; the policy not asked
// again, or its way of log-in not compared, when the stream is made.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { xml } from './element.ts';
import { ENCRYPTED, PERMISSIVE, SSO, VERIFIED } from './test-certificates.ts';
import {
  ABORT,
  ALPHA,
  authOf,
  BETA,
  connectAsBeta,
  headerOf,
  IDP,
  listenAsAlpha,
  rawPeer,
  RESPONSE,
  tlsPeer,
  userOf,
} from './test-s2s.ts';
import { settles, type Peer } from './test-server.ts';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import type { S2sPolicy } from './s2s.ts';

type Alpha = Awaited<ReturnType<typeof listenAsAlpha>>;

const INITIAL = `n,a=${BETA},${IDP}`;
const SAML_OFFERED = '<mechanism>SAML20</mechanism>';
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** Over TLS 1.3 with beta.test's certificate, and past the features. */
async function greeted(alpha: Alpha): Promise<Peer> {
  const peer = await tlsPeer(alpha.listener.port, BETA);
  peer.write(headerOf(BETA));
  await peer.read(SAML_OFFERED);
  return peer;
}

/** Past the challenge as well. */
async function challenged(alpha: Alpha, initial = INITIAL): Promise<Peer> {
  const peer = await greeted(alpha);
  peer.write(authOf('SAML20', initial));
  await peer.read('</challenge>');
  return peer;
}

/** By hand as by our own initiator; what each attack below does, but for the one thing that is wrong with it. */
async function honest(alpha: Alpha, initial = INITIAL): Promise<Peer> {
  const peer = await challenged(alpha, initial);
  peer.write(RESPONSE);
  alpha.saml.accept();
  await peer.read('<success');
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  const stream = await alpha.stream();
  const heard = new Promise<string>((resolve) => stream.consume((stanza) => resolve(stanza.toString())));
  peer.write("<message id='honest'/>");
  assert.equal(await settles(heard, 'a stanza'), '<message id="honest"/>');
  return peer;
}

/** One refusal, the connection closed, no stream. @returns what the peer was told */
async function refusedWith(alpha: Alpha, peer: Peer, code: ErrorCode, told: string): Promise<string> {
  const said = told === '' ? '' : await peer.read(told);
  await settles(peer.closed, 'the end of the connection');
  const { error } = await alpha.refusal();
  assert.equal(error.code, code, error.message);
  assert.deepEqual([alpha.refused, alpha.streams], [[], []]);
  return said;
}

// Red with the comparison of `from` with the policy's hosts left out: `policyFor` asked for BETA whatever is claimed.
test('whoever is no partner is told the same as whoever cannot show that it is one', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  (await honest(alpha)).end();
  const stranger = await tlsPeer(alpha.listener.port, 'gamma.test');
  stranger.write(headerOf('gamma.test'));
  const toStranger = await refusedWith(alpha, stranger, 'M4C_PARTNER_UNKNOWN', '</stream:stream>');
  const liar = await tlsPeer(alpha.listener.port, 'gamma.test');
  liar.write(headerOf(BETA));
  const toLiar = await refusedWith(alpha, liar, 'M4C_PARTNER_CERTIFICATE', '</stream:stream>');
  const bare = await tlsPeer(alpha.listener.port, undefined);
  bare.write(headerOf(BETA));
  const toBare = await refusedWith(alpha, bare, 'M4C_PARTNER_CERTIFICATE', '</stream:stream>');
  const same = (text: string): string => text.replace(/id="\w+"|to="[\w.]+"/g, '');
  assert.match(toStranger, /<not-authorized/);
  assert.equal(same(toLiar), same(toStranger));
  assert.equal(same(toBare), same(toStranger));
});

test('in clear, too, a partner looks like a stranger', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  const seen: string[] = [];
  for (const host of [BETA, 'gamma.test']) {
    const peer = await rawPeer(alpha.listener.port);
    peer.write(headerOf(host));
    seen.push((await peer.read('</stream:features>')).replace(/id="\w+"|to="[\w.]+"/g, ''));
    peer.end();
    await alpha.refusal();
  }
  assert.match(seen[0]!, /<starttls xmlns='[^']*'><required\/>/);
  assert.equal(seen[1], seen[0]);
});

const HEADERS: readonly (readonly [what: string, header: string, code: ErrorCode, condition: string])[] = [
  ['a host that is not ours', headerOf(BETA, 'other.test'), 'M4C_PARTNER_ADDRESS', 'host-unknown'],
  ['no host', headerOf(BETA).replace(` to='${ALPHA}'`, ''), 'M4C_PARTNER_ADDRESS', 'host-unknown'],
  ['no sender', headerOf(undefined), 'M4C_PARTNER_ADDRESS', 'invalid-from'],
  ['no domain as sender', headerOf('ann@beta.test'), 'M4C_PARTNER_ADDRESS', 'invalid-from'],
  ['ourselves as sender', headerOf(ALPHA), 'M4C_PARTNER_ADDRESS', 'invalid-from'],
  ['a client', headerOf(BETA, ALPHA, 'jabber:client'), 'M4C_PARTNER_STREAM', 'invalid-namespace'],
  ['no version', headerOf(BETA).replace(" version='1.0'>", '>'), 'M4C_PARTNER_STREAM', 'unsupported-version'],
  ['another root', '<html><body>', 'M4C_PARTNER_STREAM', 'invalid-namespace'],
];

for (const [what, header, code, condition] of HEADERS)
  test(`a header with ${what} is refused`, async (context) => {
    const alpha = await listenAsAlpha(context, SSO);
    (await greeted(alpha)).end();
    await alpha.refusal();
    const peer = await tlsPeer(alpha.listener.port, BETA);
    peer.write(header);
    await refusedWith(alpha, peer, code, `<${condition}`);
  });

test('the response of SAML20 may be what RFC 6595 has and what GNU SASL sends', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  for (const response of ['PQ==', '=', '']) {
    const peer = await challenged(alpha, `n,,${IDP}`);
    peer.write(RESPONSE.replace('PQ==', response));
    alpha.saml.accept();
    await peer.read('<success');
    peer.end();
    await alpha.refusal();
  }
  assert.deepEqual(
    alpha.saml.asked.map(({ authzid }) => authzid),
    [BETA, BETA, BETA],
  );
});

const LOG_INS: readonly (readonly [what: string, sent: string, code: ErrorCode, told: string])[] = [
  ['as another domain', authOf('SAML20', `n,a=gamma.test,${IDP}`), 'M4C_PARTNER_ADDRESS', '<invalid-authzid'],
  ['by EXTERNAL', authOf('EXTERNAL', BETA), 'M4C_PARTNER_LEVEL', '<invalid-mechanism'],
  ['by PLAIN', authOf('PLAIN', '\0beta\0secret'), 'M4C_PARTNER_LEVEL', '<invalid-mechanism'],
  ['with channel binding', authOf('SAML20', `p=tls-unique,,${IDP}`), 'M4C_MALFORMED', '<malformed-request'],
  [
    'with what is no base64',
    authOf('SAML20', '').replace('></', '>n,,</'),
    'M4C_MALFORMED',
    '<incorrect-encoding',
  ],
  [
    'by dialback',
    `<db:result from='${BETA}' to='${ALPHA}'>key</db:result>`,
    'M4C_PARTNER_LEVEL',
    '<not-authorized',
  ],
  ['with stanzas at once', "<message from='a@beta.test'/>", 'M4C_PARTNER_LEVEL', '<not-authorized'],
  ['with the response before the log-in', RESPONSE, 'M4C_PARTNER_LEVEL', '<not-authorized'],
  ['by STARTTLS inside of TLS', STARTTLS, 'M4C_PARTNER_LEVEL', '<not-authorized'],
];

for (const [what, sent, code, told] of LOG_INS)
  test(`a log-in ${what} is refused`, async (context) => {
    const alpha = await listenAsAlpha(context, SSO);
    (await honest(alpha)).end();
    const peer = await greeted(alpha);
    peer.write(sent);
    await refusedWith(alpha, peer, code, told);
  });

const DURING_VERDICT: readonly (readonly [what: string, sent: string, code: ErrorCode, told: string])[] = [
  ['is aborted', ABORT, 'M4C_PARTNER_STREAM', '<aborted'],
  ['sees stanzas', '<message/>', 'M4C_PARTNER_LEVEL', '<not-authorized'],
  ['is begun a second time', authOf('SAML20', INITIAL), 'M4C_PARTNER_LEVEL', '<not-authorized'],
];

for (const [what, sent, code, told] of DURING_VERDICT)
  test(`a log-in that waits for its verdict and ${what} ends, and the agent is told`, async (context) => {
    const alpha = await listenAsAlpha(context, SSO);
    (await honest(alpha)).end();
    const peer = await challenged(alpha);
    peer.write(RESPONSE + sent);
    await refusedWith(alpha, peer, code, told);
    assert.equal(alpha.saml.asked.at(-1)?.signal.aborted, true);
  });

test('the agent is told when the peer is gone before the verdict', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  const peer = await challenged(alpha);
  peer.write(RESPONSE);
  const gone = new Promise((resolve) =>
    alpha.saml.asked[0]!.signal.addEventListener('abort', resolve, { once: true }),
  );
  peer.end();
  await settles(gone, 'the signal');
  await alpha.refusal();
});

test('a verdict against the peer is the reason that is logged, and tells the peer nothing', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  const peer = await challenged(alpha);
  peer.write(RESPONSE);
  alpha.saml.refuse('M4C_ASSERTION_AUDIENCE');
  const told = await refusedWith(alpha, peer, 'M4C_ASSERTION_AUDIENCE', '</failure>');
  assert.equal(
    told,
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure></stream:stream>",
  );
});

test('what is sent before success does not count behind it', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const log = authOf('EXTERNAL', BETA);
  const twin = await tlsPeer(alpha.listener.port, BETA);
  twin.write(headerOf(BETA));
  await twin.read('</stream:features>');
  twin.write(log);
  await twin.read('<success');
  twin.end();
  await alpha.refusal();
  const peer = await tlsPeer(alpha.listener.port, BETA);
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  peer.write(`${log}${headerOf(BETA)}<message/>`);
  await refusedWith(alpha, peer, 'M4C_PARTNER_STREAM', '<not-authorized');
});

test('a stream is for the same two hosts after log-in as before', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  (await honest(alpha)).end();
  for (const header of [headerOf('gamma.test'), headerOf(BETA, `conference.${ALPHA}`)]) {
    const peer = await challenged(alpha);
    peer.write(RESPONSE);
    alpha.saml.accept();
    await peer.read('<success');
    peer.write(header);
    await refusedWith(alpha, peer, 'M4C_PARTNER_ADDRESS', '<invalid-from');
  }
});

test('nobody logs in twice on one stream', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  const peer = await honest(alpha);
  peer.write(authOf('SAML20', INITIAL));
  await peer.read('<unsupported-stanza-type');
  await settles(peer.closed, 'the end of the connection');
  assert.equal(alpha.saml.asked.length, 1);
});

test('what stands in clear behind STARTTLS is not taken for something that came over TLS', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const out = await settles(
    connectAsBeta(context, alpha.listener.port, { ...ENCRYPTED, tls: 'starttls' }),
    'log-in',
  );
  await alpha.stream();
  void out.close();
  const peer = await rawPeer(alpha.listener.port);
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  peer.write(`${STARTTLS}${headerOf(BETA)}${authOf('EXTERNAL', BETA)}`);
  await refusedWith(alpha, peer, 'M4C_PARTNER_STREAM', '<policy-violation');
});

const DOWNGRADES: readonly (readonly [what: string, policy: S2sPolicy, client: S2sPolicy, tls: object])[] = [
  ['STARTTLS where direct TLS is due', SSO, { ...SSO, tls: 'starttls' }, {}],
  ['TLS 1.2 where 1.3 is due', SSO, SSO, { maxVersion: 'TLSv1.2' }],
];

for (const [what, policy, client, options] of DOWNGRADES)
  test(`${what} is refused`, async (context) => {
    const alpha = await listenAsAlpha(context, policy);
    (await honest(alpha)).end();
    if (client.tls === 'direct') {
      const peer = await tlsPeer(alpha.listener.port, BETA, options);
      peer.write(headerOf(BETA));
      await refusedWith(alpha, peer, 'M4C_PARTNER_LEVEL', '<not-authorized');
      return;
    }
    const saml = userOf(async () => alpha.saml.accept());
    await assert.rejects(connectAsBeta(context, alpha.listener.port, client, { saml }));
    assert.equal((await alpha.refusal()).error.code, 'M4C_PARTNER_LEVEL');
  });

test('in clear nothing but STARTTLS is taken where TLS is due', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  for (const sent of [
    authOf('EXTERNAL', BETA),
    '<message/>',
    `<db:result from='${BETA}' to='${ALPHA}'>k</db:result>`,
  ]) {
    const peer = await rawPeer(alpha.listener.port);
    peer.write(headerOf(BETA));
    await peer.read('</stream:features>');
    peer.write(sent);
    await refusedWith(alpha, peer, 'M4C_PARTNER_LEVEL', '<policy-violation');
  }
});

const RESTRICTED: readonly (readonly [what: string, sent: string, told: string])[] = [
  ['a document type', '<!DOCTYPE x [<!ENTITY a "aaaa">]>', '<restricted-xml'],
  ['a comment', '<!-- x -->', '<restricted-xml'],
  ['a processing instruction', '<?x y?>', '<restricted-xml'],
  ['an entity that nobody has declared', '<message><body>&a;</body></message>', '<not-well-formed'],
  ['a tag that closes another', '<message></body>', '<not-well-formed'],
];

for (const [what, sent, told] of RESTRICTED)
  test(`${what} ends the stream, before log-in and after it`, async (context) => {
    const alpha = await listenAsAlpha(context, SSO);
    const peer = await greeted(alpha);
    peer.write(sent);
    await refusedWith(alpha, peer, 'M4C_PARTNER_STREAM', told);
    const later = await honest(alpha);
    later.write(sent);
    await later.read(told);
    await settles(later.closed, 'the end of the connection');
  });

async function permissive(context: TestContext) {
  const alpha = await listenAsAlpha(context, PERMISSIVE);
  const peer = await rawPeer(alpha.listener.port);
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  return { alpha, peer };
}

test('without authentication a key is taken for good, as stock servers wish it', async (context) => {
  const { alpha, peer } = await permissive(context);
  peer.write(`<db:result from='${BETA}' to='${ALPHA}'>whatever</db:result>`);
  const heard = Promise.withResolvers<string>();
  (await alpha.stream()).consume((stanza) => heard.resolve(stanza.name));
  assert.match(await peer.read('<db:result'), /type="valid"/);
  peer.write('<message/>');
  assert.equal(await settles(heard.promise, 'a stanza'), 'message');
});

test('a key of other hosts than those of the stream is none', async (context) => {
  const keys = { make: () => 'key', confirms: () => true };
  const addressOf = (): never => assert.fail('nobody is asked about it');
  const alpha = await listenAsAlpha(context, VERIFIED, { dialback: { keys, addressOf } });
  const peer = await rawPeer(alpha.listener.port);
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  peer.write(`<db:result from='gamma.test' to='${ALPHA}'>key</db:result>`);
  await refusedWith(alpha, peer, 'M4C_PARTNER_LEVEL', '<not-authorized');
});

test('as the authoritative server it knows its own keys', async (context) => {
  const keys = { make: () => 'key', confirms: (_names: unknown, key: string) => key === 'key' };
  const addressOf = (): never => assert.fail('nobody is asked about it');
  const alpha = await listenAsAlpha(context, VERIFIED, { dialback: { keys, addressOf } });
  const peer = await rawPeer(alpha.listener.port);
  peer.write(headerOf(BETA));
  await peer.read('</stream:features>');
  for (const [key, type] of [
    ['key', 'valid'],
    ['other', 'invalid'],
  ]) {
    peer.write(xml('db:verify', { from: BETA, to: ALPHA, id: 'stream' }, key).toString());
    assert.match(await peer.read('<db:verify'), new RegExp(`id="stream" type="${type}"`));
  }
});

const CHANGES: readonly (readonly [what: string, now: S2sPolicy | undefined, code: ErrorCode | undefined])[] =
  [
    ['nothing', ENCRYPTED, undefined],
    ['who is a partner', undefined, 'M4C_PARTNER_UNKNOWN'],
    [
      'the certificate that is pinned',
      {
        ...ENCRYPTED,
        verify() {
          throw new Mom4cError('M4C_PARTNER_CERTIFICATE');
        },
      },
      'M4C_PARTNER_CERTIFICATE',
    ],
    ['the level', { ...SSO, tls: 'either' }, 'M4C_PARTNER_LEVEL'],
  ];

for (const [what, now, code] of CHANGES)
  test(`a log-in during which ${what} changes ${code ? 'makes no stream' : 'makes one'}`, async (context) => {
    let policy: S2sPolicy | undefined = ENCRYPTED;
    const alpha = await listenAsAlpha(context, ENCRYPTED, { policyFor: () => policy });
    const peer = await tlsPeer(alpha.listener.port, BETA);
    peer.write(headerOf(BETA));
    await peer.read('</stream:features>');
    peer.write(authOf('EXTERNAL', BETA));
    await peer.read('<success');
    policy = now;
    peer.write(headerOf(BETA));
    if (!code) return void (await alpha.stream());
    await peer.read('<not-authorized');
    assert.equal((await alpha.refusal()).error.code, code);
    assert.equal(alpha.streams.length, 0);
  });
