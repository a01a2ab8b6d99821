/** GNU SASL as the other side of SAML20 (RFC 6595): its client at our listener, its library as the server of our initiator. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog as log, systemClock as clock, systemRandom as random } from '@mom4c/core';
import { connectS2s, listenS2s, xml } from '@mom4c/xmpp';
import type { S2sListener, S2sPolicy, S2sStream, SamlVerdicts } from '@mom4c/xmpp';
import { startGsaslClient, startGsaslServer } from '../support/gsasl.ts';
import type { GsaslServer } from '../support/gsasl.ts';
import { createOpensslAuthority } from '../support/openssl-authority.ts';
import * as hand from '../support/s2s-by-hand.ts';
import type { PemPair, StreamByHand } from '../support/s2s-by-hand.ts';
import { refusalOf, versionOf } from './federation-matrix.ts';
import type { Cell, Matrix, Row } from './federation-matrix.ts';

const ALPHA = 'alpha.test';
const BETA = 'beta.test';
const IDP = 'https://idp.test/idp';
const URL_OF_AGENT = 'https://agent.beta.test/start/1';

const policy: S2sPolicy = {
  tls: 'direct',
  minVersion: 'TLSv1.3',
  verify: () => {},
  authentication: 'SAML20',
};

const SUCCESS = /<success xmlns=['"]urn:ietf:params:xml:ns:xmpp-sasl['"]\s*\/>/;
const LIMIT_MS = 30_000;
const CLIENT = versionOf('gsasl');
const SERVER = versionOf('libgsasl18', 'libgsasl');

export async function openGsasl(): Promise<Matrix> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-gsasl-'));
  const authority = createOpensslAuthority(folder);
  const pairs = { alpha: authority.issue(ALPHA, `DNS:${ALPHA}`), beta: authority.issue(BETA, `DNS:${BETA}`) };
  return {
    cells: [...betweenThem(), ...clientCells(pairs), ...serverCells(pairs)],
    async stop() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Pairs = { readonly alpha: PemPair; readonly beta: PemPair };

/** What is needed for one cell is stopped after it, the last first. */
function cell(
  peer: string,
  operation: string,
  outcome: string,
  perform: (started: AsyncDisposableStack) => Promise<Pick<Row, 'seen' | 'outcome'>>,
): Cell {
  return {
    ...{ peer, operation, outcome },
    async run() {
      await using started = new AsyncDisposableStack();
      return await perform(started);
    },
  };
}

function betweenThem(): Cell[] {
  return [
    cell(CLIENT, `logs in at ${SERVER}`, 'works', async (started) => {
      const server = await startGsaslServer(URL_OF_AGENT, 'good');
      started.defer(() => server.stop());
      const client = startGsaslClient({ authzid: ALPHA, idp: IDP });
      started.defer(() => client.stop());
      const initial = await client.initialResponse();
      const offered = await server.step(initial);
      assert.deepEqual([offered.authzid, offered.idp, offered.result], [ALPHA, IDP, 'GSASL_NEEDS_MORE']);
      const { url, response } = await client.respond(offered.token);
      assert.equal(url, URL_OF_AGENT);
      assert.equal((await server.step(response)).result, 'GSASL_OK');
      assert.equal(await client.succeed(), 0);
      return { seen: tokens(initial, offered.token, response), outcome: 'works' };
    }),
  ];
}

const tokens = (...of: readonly string[]): string =>
  of.map((token) => `\`${Buffer.from(token, 'base64').toString()}\``).join(', ');

// --- its client, our listener ---------------------------------------------------------------------------------------

function clientCells(pairs: Pairs): Cell[] {
  return [
    cell(CLIENT, 'logs in at our listener, and its stanzas come', 'works', async (started) => {
      const relyingParty = createRelyingParty();
      const arrived = Promise.withResolvers<S2sStream>();
      const listener = await listen(started, pairs, relyingParty.verdicts, arrived.resolve);
      const { stream, client, url, seen } = await offer(started, pairs, listener, {
        authzid: ALPHA,
        idp: IDP,
      });
      assert.deepEqual(relyingParty.asked, { authzid: ALPHA, idp: IDP, remote: ALPHA });
      // It has answered; before its user has followed the URL there is no verdict.
      assert.equal(stream.rest, '');
      relyingParty.follow(url);
      await stream.take(SUCCESS);
      assert.equal(await client.succeed(), 0);
      stream.send(hand.header({ from: ALPHA, to: BETA }));
      await stream.take(/<stream:features/);
      const ours = await arrived.promise;
      assert.deepEqual(ours.pair, { local: BETA, remote: ALPHA });
      const came = Promise.withResolvers<unknown>();
      ours.consume((stanza) => came.resolve(stanza.attrs.from));
      stream.send(`<message from='ann@${ALPHA}' to='bob@${BETA}'><body>hello</body></message>`);
      assert.equal(await came.promise, `ann@${ALPHA}`);
      return { seen, outcome: 'works' };
    }),
    cell(
      CLIENT,
      'without an authorization identity: it is who its certificate says',
      'works',
      async (started) => {
        const relyingParty = createRelyingParty();
        const listener = await listen(started, pairs, relyingParty.verdicts, () => {});
        const { stream, url, seen } = await offer(started, pairs, listener, { idp: IDP });
        assert.deepEqual(relyingParty.asked, { authzid: ALPHA, idp: IDP, remote: ALPHA });
        relyingParty.follow(url);
        await stream.take(SUCCESS);
        return { seen, outcome: 'works' };
      },
    ),
    cell(
      CLIENT,
      'under the name of another domain than its certificate',
      'M4C_PARTNER_ADDRESS',
      async (started) => {
        const relyingParty = createRelyingParty();
        const refused = Promise.withResolvers<string>();
        const listener = await listen(started, pairs, relyingParty.verdicts, () => {}, refused.resolve);
        const client = startGsaslClient({ authzid: 'gamma.test', idp: IDP });
        started.defer(() => client.stop());
        const stream = await greet(started, pairs, listener);
        const initial = await client.initialResponse();
        stream.send(hand.auth('SAML20', initial));
        const [, condition] = await stream.take(/<failure [^>]*><([a-z-]+)/);
        assert.equal(relyingParty.asked, undefined);
        return { seen: `${tokens(initial)}; \`${condition}\``, outcome: await refused.promise };
      },
    ),
  ];
}

// --- its server, our initiator --------------------------------------------------------------------------------------

function serverCells(pairs: Pairs): Cell[] {
  return [
    cell(SERVER, 'our initiator logs in, and stanzas arrive', 'works', async (started) => {
      const server = await startGsaslServer(URL_OF_AGENT, 'good');
      started.defer(() => server.stop());
      const arrived = Promise.withResolvers<string>();
      const steps: string[] = [];
      const port = await serve(started, pairs, { server, steps, onStanza: arrived.resolve });
      const followed: string[] = [];
      const stream = await initiate(pairs, port, async ({ url }) => void followed.push(url));
      started.defer(() => stream.close());
      assert.deepEqual(followed, [URL_OF_AGENT]);
      await stream.send(
        xml('message', { from: `ann@${ALPHA}`, to: `bob@${BETA}` }, xml('body', {}, 'hello')),
      );
      assert.match(await arrived.promise, /<body>hello<\/body>/);
      return { seen: tokens(...steps), outcome: 'works' };
    }),
    cell(SERVER, 'it does not accept the assertion', 'M4C_PARTNER_LOGIN', async (started) => {
      const server = await startGsaslServer(URL_OF_AGENT, 'bad');
      started.defer(() => server.stop());
      const steps: string[] = [];
      const port = await serve(started, pairs, {
        server,
        steps,
        onStanza: () => assert.fail('a stanza came'),
      });
      const { code, detail } = await refusalOf(initiate(pairs, port, async () => {}));
      return { seen: detail, outcome: code };
    }),
  ];
}

/** Says yes as soon as a user has followed the URL; what agents do with assertions is tested with agents. */
function createRelyingParty() {
  let asked: { authzid: string; idp: string; remote: string } | undefined;
  const visits = new Map<string, () => void>();
  const verdicts: SamlVerdicts = {
    async begin({ authzid, idp, pair }) {
      asked = { authzid, idp, remote: pair.remote };
      const verdict = new Promise<void>((resolve) => visits.set(URL_OF_AGENT, resolve));
      return { url: URL_OF_AGENT, verdict };
    },
  };
  return {
    verdicts,
    get asked() {
      return asked;
    },
    follow: (url: string) => visits.get(url)!(),
  };
}

function listen(
  started: AsyncDisposableStack,
  { beta }: Pairs,
  saml: SamlVerdicts,
  onStream: (stream: S2sStream) => void,
  onRefused: (code: string) => void = () => {},
): Promise<S2sListener> {
  const listening = listenS2s({
    ...{ host: '127.0.0.1', port: 0, credentials: beta, hosts: [BETA], saml, log, clock, random, onStream },
    policyFor: (remote) => (remote === ALPHA ? policy : undefined),
    onRefused: ({ code }) => onRefused(code),
  });
  started.defer(async () => (await listening).stop());
  return listening;
}

/** Up to the features, over direct TLS with the certificate of alpha. */
async function greet(
  started: AsyncDisposableStack,
  { alpha }: Pairs,
  { port }: S2sListener,
): Promise<StreamByHand> {
  const stream = await hand.connectTlsByHand(port, BETA, alpha);
  started.defer(() => stream.close());
  stream.send(hand.header({ from: ALPHA, to: BETA }));
  await stream.take(/<mechanism>SAML20<\/mechanism>.*<\/stream:features>/);
  return stream;
}

/** Up to the answer to the challenge. */
async function offer(
  started: AsyncDisposableStack,
  pairs: Pairs,
  listener: S2sListener,
  of: { authzid?: string; idp: string },
) {
  const client = startGsaslClient(of);
  started.defer(() => client.stop());
  const stream = await greet(started, pairs, listener);
  const initial = await client.initialResponse();
  stream.send(hand.auth('SAML20', initial));
  const [, token] = await stream.take(/<challenge [^>]*>([^<]*)<\/challenge>/);
  const { url, response } = await client.respond(token!);
  stream.send(hand.response(response));
  return { stream, client, url, seen: tokens(initial, token!, response) };
}

/** A server whose mechanism is that of libgsasl. @returns its port */
async function serve(
  started: AsyncDisposableStack,
  { beta }: Pairs,
  { server, steps, onStanza }: { server: GsaslServer; steps: string[]; onStanza: (text: string) => void },
): Promise<number> {
  const listening = await hand.listenByHand(beta, async (stream) => {
    await stream.take(/<stream:stream [^>]*>/);
    stream.send(hand.header({ from: BETA, to: ALPHA, id: 's1' }) + hand.features(hand.mechanisms('SAML20')));
    const [, initial] = await stream.take(/<auth [^>]*mechanism=['"]SAML20['"][^>]*>([^<]*)<\/auth>/);
    const offered = await server.step(initial!);
    assert.deepEqual([offered.authzid, offered.idp], [ALPHA, IDP]);
    stream.send(hand.challenge(offered.token));
    const [, response] = await stream.take(/<response [^>]*>([^<]*)<\/response>/);
    steps.push(initial!, offered.token, response!);
    const { result } = await server.step(response!);
    if (result !== 'GSASL_OK') return stream.send(hand.failure('not-authorized'));
    stream.send(hand.success);
    await stream.take(/<stream:stream [^>]*>/);
    stream.send(hand.header({ from: BETA, to: ALPHA, id: 's2' }) + hand.features());
    const [text] = await stream.take(/<message .*<\/message>/);
    onStanza(text);
  });
  started.defer(() => listening.stop());
  return listening.port;
}

function initiate(
  { alpha }: Pairs,
  port: number,
  logIn: (ask: { url: string }) => Promise<void>,
): Promise<S2sStream> {
  return connectS2s({
    ...{
      pair: { local: ALPHA, remote: BETA },
      address: { host: '127.0.0.1', port },
      policy,
      log,
      clock,
      random,
    },
    ...{ credentials: alpha, saml: { idp: IDP, logIn }, signal: AbortSignal.timeout(LIMIT_MS) },
  });
}
