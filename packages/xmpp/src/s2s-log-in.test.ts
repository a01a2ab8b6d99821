// Our own initiator and listener, over real sockets and TLS. Mutations seen red: the initiator waits for `<enabled/>` before
// it gives the stream out; the peer's certificate asked for a second time when the stream is made.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from './element.ts';
import { certificateFor, ENCRYPTED, PERMISSIVE, SSO, VERIFIED } from './test-certificates.ts';
import { isError, rememberingLog } from './test-fakes.ts';
import { AGENT, ALPHA, BETA, connectAsBeta, IDP, listenAsAlpha, userOf } from './test-s2s.ts';
import { settles } from './test-server.ts';

/** The numbers of steps that a log was told, in their order. */
function stepsIn(log: ReturnType<typeof rememberingLog>): unknown[] {
  return log.lines.flatMap(({ fields }) => ('step' in fields ? [fields.step] : []));
}

test('SAML20: thirteen steps but for those of the agents, then stanzas', async (context) => {
  const alpha = await listenAsAlpha(context, SSO);
  const log = rememberingLog();
  let told: { url: string; stream: string } | undefined;
  const saml = userOf(async (ask) => {
    told = ask;
    alpha.saml.accept();
  });
  const out = await settles(connectAsBeta(context, alpha.listener.port, SSO, { saml, log }), 'the log-in');
  const incoming = await alpha.stream();
  const [asked] = alpha.saml.asked;
  assert.deepEqual(
    { pair: asked?.pair, authzid: asked?.authzid, idp: asked?.idp },
    { pair: { local: ALPHA, remote: BETA }, authzid: BETA, idp: IDP },
  );
  assert.equal(told?.url, `${AGENT}?stream=${asked?.stream}`);
  assert.equal(told?.stream, asked?.stream);
  assert.deepEqual(stepsIn(log), [1, 2, 3, 4, 5, 6, 12, 13]);
  assert.deepEqual(stepsIn(alpha.log), [1, 2, 3, 4, 5, 6, 12, 13]);
  assert.deepEqual(out.pair, { local: BETA, remote: ALPHA });
  assert.equal(out.peer.tls, 'TLSv1.3');
  assert.match(out.peer.certificate ?? '', /^[0-9a-f]{64}$/);
  assert.equal(incoming.peer.tls, 'TLSv1.3');

  const heard: string[] = [];
  const all = Promise.withResolvers<void>();
  incoming.consume((stanza) => {
    heard.push(stanza.toString());
    if (heard.length === 2) all.resolve();
  });
  await out.send(xml('message', { from: BETA, to: ALPHA }, xml('body', {}, 'one')));
  await out.send(xml('presence', { from: BETA, to: ALPHA }));
  await settles(all.promise, 'two stanzas');
  assert.deepEqual(heard, [
    `<message from="${BETA}" to="${ALPHA}"><body>one</body></message>`,
    `<presence from="${BETA}" to="${ALPHA}"/>`,
  ]);
  assert.equal(incoming.counts.stanzas, 2);
  assert.equal(out.counts.stanzas, 2);
  await out.close();
  const { error } = await settles(incoming.closed, 'the end');
  assert.equal(error.code, 'M4C_PARTNER_STREAM');
  assert.deepEqual(alpha.refused, []);
});

test('EXTERNAL over STARTTLS, and over direct TLS', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  for (const tls of ['starttls', 'direct'] as const) {
    const out = await settles(
      connectAsBeta(context, alpha.listener.port, { ...ENCRYPTED, tls }),
      `the log-in by ${tls}`,
    );
    assert.equal((await alpha.stream()).pair.remote, BETA);
    await out.close();
  }
});

test('no authentication, in clear or over TLS', async (context) => {
  const alpha = await listenAsAlpha(context, PERMISSIVE);
  const out = await settles(connectAsBeta(context, alpha.listener.port, PERMISSIVE), 'the log-in');
  const incoming = await alpha.stream();
  assert.equal(incoming.peer.tls, 'TLSv1.3');
  const heard = new Promise((resolve) => incoming.consume(resolve));
  await out.send(xml('message'));
  await settles(heard, 'a stanza');
});

test('a certificate of another host is refused on either side', async (context) => {
  const alpha = await listenAsAlpha(context, ENCRYPTED);
  const { port } = alpha.listener;
  await assert.rejects(
    connectAsBeta(context, port, ENCRYPTED, { credentials: certificateFor('gamma.test') }),
    isError('M4C_PARTNER_LOGIN', /not-authorized/),
  );
  assert.equal((await alpha.refusal()).error.code, 'M4C_PARTNER_CERTIFICATE');
  await assert.rejects(
    connectAsBeta(context, port, ENCRYPTED, { pair: { local: BETA, remote: `conference.${ALPHA}` } }),
    isError('M4C_PARTNER_CERTIFICATE'),
  );
});

test('dialback: the key is confirmed by who made it', async (context) => {
  const keys = { make: () => 'a key', confirms: (_names: unknown, key: string) => key === 'a key' };
  const beta = await listenAsAlpha(context, VERIFIED, {
    hosts: [BETA],
    credentials: certificateFor(BETA),
    policyFor: (remote) => (remote === ALPHA ? VERIFIED : undefined),
    dialback: { keys, addressOf: () => 'srv' },
  });
  const addressOf = (): { host: string; port: number } => ({ host: '127.0.0.1', port: beta.listener.port });
  const alpha = await listenAsAlpha(context, VERIFIED, { dialback: { keys, addressOf } });
  const { port } = alpha.listener;
  await settles(connectAsBeta(context, port, VERIFIED, { dialback: keys }), 'the log-in');
  assert.equal((await alpha.stream()).pair.remote, BETA);
  await assert.rejects(
    settles(
      connectAsBeta(context, port, VERIFIED, { dialback: { ...keys, make: () => 'another' } }),
      'a refusal',
    ),
    isError('M4C_PARTNER_LOGIN'),
  );
  assert.equal((await alpha.refusal()).error.code, 'M4C_PARTNER_LEVEL');
});
