/**
 * A domain that consists of its server-to-server streams: listener and initiator of packages/xmpp, and for users whatever
 * the test says. It answers pings, so that a stock client sees both directions at work.
 */
import { silentLog as log, systemClock as clock, systemRandom as random } from '@mom4c/core';
import type { Mom4cError } from '@mom4c/core';
import { policyOf } from '@mom4c/federation-gateway';
import type { Partner } from '@mom4c/federation-gateway';
import { connectS2s, createDialbackKeys, listenS2s, xml } from '@mom4c/xmpp';
import type { Element, S2sAddress, S2sCredentials, S2sPolicy, S2sStream } from '@mom4c/xmpp';

const PING = 'urn:xmpp:ping';

export type BareDomain = {
  readonly host: string;
  readonly port: number;
  /** In force for streams from now on. */
  partners: readonly Partner[];
  credentials: S2sCredentials;
  /** What came that was no ping. */
  take(looks: (stanza: Element) => boolean): Promise<Element>;
  /** Over the stream for this pair, which is opened if there is none. */
  send(stanza: Element): Promise<void>;
  /** A new stream to this host, which the caller ends. `wrongKeys`: those of dialback are none of this domain. */
  open(remote: string, address?: S2sAddress, more?: { readonly wrongKeys: boolean }): Promise<S2sStream>;
  /** The next connection from now on that does not become a stream. */
  refusal(): Promise<{ readonly code: Mom4cError['code']; readonly detail: string; readonly from: string }>;
  /** Those that are open, either direction. */
  readonly streams: readonly S2sStream[];
  /** Ends the streams, not the listener. */
  cut(): Promise<void>;
  stop(): Promise<void>;
};

export type BareDomainOptions = {
  readonly host: string;
  readonly port: number;
  readonly credentials: S2sCredentials;
  readonly partners: readonly Partner[];
};

const LIMIT_MS = 30_000;

export async function openBareDomain(options: BareDomainOptions): Promise<BareDomain> {
  const { host, port } = options;
  const keys = createDialbackKeys(random);
  const inbound = new Set<S2sStream>();
  const outbound = new Map<string, Promise<S2sStream>>();
  const untaken: Element[] = [];
  const takers = new Set<(stanza: Element) => boolean>();
  const refusalTakers: ((refusal: Mom4cErrorFrom) => void)[] = [];

  const listener = await listenS2s({
    ...{ host: '127.0.0.1', port, credentials: options.credentials, hosts: [host], log, clock, random },
    policyFor,
    dialback: { keys, addressOf: () => 'srv' },
    onStream(stream) {
      inbound.add(stream);
      void stream.closed.then(() => inbound.delete(stream));
      stream.consume((stanza) => deliver(stanza));
    },
    onRefused({ code, detail = '' }, from) {
      const refusal = { code, detail: String(detail), from };
      refusalTakers.shift()?.(refusal);
    },
  });

  function deliver(stanza: Element): void {
    const { from, to, id, type } = stanza.attrs as Record<string, string>;
    if (stanza.name === 'iq' && type === 'get' && stanza.getChild('ping', PING))
      // Not waited for: a peer asks about our key on the very stream that this came by (XEP-0220), which must be read for it.
      return void domain.send(xml('iq', { type: 'result', id, to: from, from: to })).catch(() => {});
    for (const taker of takers) if (taker(stanza)) return;
    untaken.push(stanza);
  }

  function policyFor(remote: string): S2sPolicy | undefined {
    const partner = domain.partners.find(({ hosts }) => hosts.includes(remote));
    return partner && policyOf(partner, clock);
  }

  const domain: BareDomain = {
    host,
    port,
    partners: options.partners,
    credentials: options.credentials,
    take: (looks) =>
      new Promise((resolve) => {
        const at = untaken.findIndex(looks);
        if (at >= 0) return resolve(untaken.splice(at, 1)[0]!);
        const taker = (stanza: Element): boolean => {
          if (!looks(stanza)) return false;
          takers.delete(taker);
          resolve(stanza);
          return true;
        };
        takers.add(taker);
      }),
    async send(stanza) {
      const remote = hostOf(String(stanza.attrs.to));
      let stream = outbound.get(remote);
      if (!stream) {
        stream = domain.open(remote);
        outbound.set(remote, stream);
        const forget = (): void => void outbound.delete(remote);
        stream.then((opened) => void opened.closed.then(forget), forget);
      }
      await (await stream).send(stanza);
    },
    open: (remote, address = 'srv', { wrongKeys } = { wrongKeys: false }) =>
      connectS2s({
        ...{
          pair: { local: host, remote },
          address,
          policy: policyFor(remote)!,
          credentials: domain.credentials,
        },
        ...{
          dialback: wrongKeys ? createDialbackKeys(random) : keys,
          log,
          clock,
          random,
          signal: AbortSignal.timeout(LIMIT_MS),
        },
      }),
    refusal: () =>
      new Promise((resolve) => {
        refusalTakers.push(resolve);
      }),
    get streams() {
      return [...inbound];
    },
    async cut() {
      const out = await Promise.allSettled(outbound.values());
      const opened = out.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      await Promise.all([...inbound, ...opened].map((stream) => stream.close()));
    },
    async stop() {
      await domain.cut();
      await listener.stop();
    },
  };
  return domain;
}

type Mom4cErrorFrom = { readonly code: Mom4cError['code']; readonly detail: string; readonly from: string };

export function hostOf(address: string): string {
  return address.replace(/\/.*$/, '').replace(/^.*@/, '');
}
