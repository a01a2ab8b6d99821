/** Streams between the gateways of an agent range, or of somebody who plays one: no XMPP server, real authentication. */
import { type Log, Mom4cError, silentLog, systemClock as clock, systemRandom as random } from '@mom4c/core';
import {
  connectS2s,
  listenS2s,
  type S2sCredentials,
  type S2sPolicy,
  type S2sStream,
  type SamlUser,
  type SamlVerdicts,
} from '@mom4c/xmpp';
import type { RangeAgent } from './range-agent.ts';

/** Looks at no certificate: of somebody who takes whoever comes, or goes wherever he is sent. */
export const NAIVE_POLICY: S2sPolicy = {
  tls: 'direct',
  minVersion: 'TLSv1.3',
  verify: undefined,
  authentication: 'SAML20',
};

export type Door = {
  readonly port: number;
  /** What became of those who came. */
  readonly streams: readonly S2sStream[];
  readonly refused: readonly Mom4cError[];
  stop(): Promise<void>;
};

export type DoorSettings = {
  readonly domain: string;
  readonly port: number;
  readonly credentials: S2sCredentials;
  readonly policyFor: (remote: string) => S2sPolicy | undefined;
  readonly saml: SamlVerdicts;
  readonly log?: Log;
};

export async function openDoor({
  domain,
  port,
  credentials,
  policyFor,
  saml,
  log = silentLog,
}: DoorSettings): Promise<Door> {
  const streams: S2sStream[] = [];
  const refused: Mom4cError[] = [];
  const listener = await listenS2s({
    host: '127.0.0.1',
    port,
    credentials: { cert: credentials.cert, key: credentials.key },
    hosts: [domain],
    policyFor,
    saml,
    log,
    clock,
    random,
    onStream: (stream) => void streams.push(stream),
    onRefused: (error) => void refused.push(error),
  });
  return { port: listener.port, streams, refused, stop: () => listener.stop() };
}

/** Of a partner who hands out as his own challenge the URL of one that somebody else has given him. */
export function openThievingDoor(
  url: string,
  own: Pick<DoorSettings, 'domain' | 'port' | 'credentials'>,
): Promise<Door> {
  return openDoor({
    ...own,
    policyFor: () => NAIVE_POLICY,
    saml: {
      begin: async ({ signal }) => {
        const { promise: verdict, reject } = Promise.withResolvers<void>();
        signal.addEventListener('abort', () => reject(new Mom4cError('M4C_PARTNER_STREAM')), { once: true });
        return { url, verdict };
      },
    },
  });
}

/** The door of a gateway as it is. */
export function doorOf({ domain, descriptor, issued, agent, log, policyFor }: RangeAgent): Promise<Door> {
  return openDoor({
    domain,
    port: descriptor.s2s!.port,
    credentials: issued,
    policyFor,
    saml: agent.verdicts,
    log,
  });
}

/** A gateway opens a stream as it does. */
export function openStream(
  user: RangeAgent,
  to: { readonly domain: string; readonly port: number },
  signal: AbortSignal,
): Promise<S2sStream> {
  return connect({
    pair: { local: user.domain, remote: to.domain },
    port: to.port,
    policy: user.policyFor(to.domain)!,
    credentials: user.issued,
    saml: user.agent.user,
    log: user.log,
    signal,
  });
}

export function connect({
  pair,
  port,
  policy = NAIVE_POLICY,
  credentials,
  saml,
  log = silentLog,
  signal,
}: {
  readonly pair: S2sStream['pair'];
  readonly port: number;
  readonly policy?: S2sPolicy;
  readonly credentials: S2sCredentials;
  readonly saml: SamlUser;
  readonly log?: Log;
  readonly signal: AbortSignal;
}): Promise<S2sStream> {
  return connectS2s({
    pair,
    address: { host: '127.0.0.1', port },
    policy,
    credentials: { cert: credentials.cert, key: credentials.key },
    saml,
    log,
    clock,
    random,
    signal,
  });
}
