/** For tests only: a listener for alpha.test and what comes to it, between real sockets. */
import { connect as connectTcp } from 'node:net';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import { Mom4cError, systemClock, systemRandom, type ErrorCode } from '@mom4c/core';
import { createDialbackKeys } from './dialback.ts';
import type { S2sPolicy, S2sStream } from './s2s.ts';
import { connectS2s, type S2sConnection } from './s2s-initiator.ts';
import { listenS2s } from './s2s-listener.ts';
import type { S2sListening } from './s2s-listening.ts';
import type { SamlUser, SamlVerdicts } from './saml20.ts';
import { certificateFor } from './test-certificates.ts';
import { rememberingLog } from './test-fakes.ts';
import { peerOf, settles, type Peer } from './test-server.ts';

export const ALPHA = 'alpha.test';
export const BETA = 'beta.test';
export const IDP = 'https://idp.test/metadata';
export const AGENT = 'https://agent.alpha.test/saml/start';

export type Refused = { readonly error: Mom4cError; readonly from: string };

/** A relying party whose verdicts the test gives. */
export function fakeVerdicts() {
  const asked: Parameters<SamlVerdicts['begin']>[0][] = [];
  let verdict = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const verdicts: SamlVerdicts = {
    async begin(ask) {
      asked.push(ask);
      verdict = Promise.withResolvers<void>();
      arrived.resolve();
      return { url: `${AGENT}?stream=${ask.stream}`, verdict: verdict.promise };
    },
  };
  return {
    verdicts,
    asked,
    arrived: arrived.promise,
    accept: () => verdict.resolve(),
    refuse: (code: ErrorCode) => verdict.reject(new Mom4cError(code)),
  };
}

/** alpha.test listens; beta.test is a partner under the policy. */
export async function listenAsAlpha(
  context: TestContext,
  policy: S2sPolicy,
  more: Partial<S2sListening> = {},
) {
  const log = rememberingLog();
  const refused: Refused[] = [];
  const streams: S2sStream[] = [];
  const wakers = new Set<() => void>();
  const wake = (): void => wakers.forEach((each) => each());
  const saml = fakeVerdicts();
  const listener = await listenS2s({
    host: '127.0.0.1',
    port: 0,
    credentials: certificateFor(ALPHA),
    hosts: [ALPHA, `conference.${ALPHA}`],
    policyFor: (remote) => (remote === BETA ? policy : undefined),
    saml: saml.verdicts,
    log,
    clock: systemClock,
    random: systemRandom,
    onStream(stream) {
      streams.push(stream);
      wake();
    },
    onRefused(error, from) {
      refused.push({ error, from });
      wake();
    },
    ...more,
  });
  context.after(() => listener.stop());

  /** The first of its kind that nobody has taken yet. */
  async function next<Value>(list: Value[], what: string): Promise<Value> {
    while (list.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wakers.add(resolve);
      await settles(promise, `${what}; refused were: ${refused.map(({ error }) => error.message).join()}`);
      wakers.delete(resolve);
    }
    return list.shift()!;
  }

  return {
    listener,
    log,
    refused,
    streams,
    saml,
    stream: () => next(streams, 'a stream'),
    refusal: () => next(refused, 'a refusal'),
  };
}

/** As beta.test, honest. */
export function connectAsBeta(
  context: TestContext,
  port: number,
  policy: S2sPolicy,
  more: Partial<S2sConnection> = {},
): Promise<S2sStream> {
  const ended = new AbortController();
  const connecting = connectS2s({
    pair: { local: BETA, remote: ALPHA },
    address: { host: '127.0.0.1', port },
    policy,
    credentials: certificateFor(BETA),
    dialback: createDialbackKeys(systemRandom),
    log: rememberingLog(),
    clock: systemClock,
    random: systemRandom,
    signal: ended.signal,
    ...more,
  });
  context.after(async () => {
    ended.abort();
    await connecting.then(
      (stream) => stream.destroy(new Mom4cError('M4C_STOPPED')),
      () => {},
    );
  });
  return connecting;
}

/** A user whose agent does what the test says. */
export function userOf(logIn: SamlUser['logIn']): SamlUser {
  return { idp: IDP, logIn };
}

/** By hand, in clear. */
export async function rawPeer(port: number): Promise<Peer> {
  const socket = connectTcp({ host: '127.0.0.1', port });
  await settles(new Promise<void>((resolve) => void socket.once('connect', resolve)), 'a connection');
  return peerOf(socket);
}

/** By hand, over direct TLS. @param own the host whose certificate is shown, if any */
export async function tlsPeer(
  port: number,
  own: string | undefined,
  options: tls.ConnectionOptions = {},
): Promise<Peer> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: ALPHA,
    ALPNProtocols: ['xmpp-server'],
    rejectUnauthorized: false,
    ...(own ? certificateFor(own) : {}),
    ...options,
  });
  await settles(
    new Promise<void>((resolve, reject) => void socket.once('secureConnect', resolve).once('error', reject)),
    'TLS',
  );
  return peerOf(socket);
}

/** What an initiator begins with. */
export function headerOf(from: string | undefined, to = ALPHA, xmlns = 'jabber:server'): string {
  const sender = from === undefined ? '' : ` from='${from}'`;
  return `<?xml version='1.0'?><stream:stream xmlns='${xmlns}' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'${sender} to='${to}' version='1.0'>`;
}

const SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
export function authOf(mechanism: string, message: string): string {
  return `<auth ${SASL} mechanism='${mechanism}'>${Buffer.from(message).toString('base64')}</auth>`;
}
export const RESPONSE = `<response ${SASL}>PQ==</response>`;
export const ABORT = `<abort ${SASL}/>`;
