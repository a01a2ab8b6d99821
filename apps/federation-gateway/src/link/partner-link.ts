/**
 * All that goes to and comes from one partner: a link of the kind that its level asks for, what waits to be sent
 * (partner-queues.ts), and the presences that must be taken back when the way has gone (partner-presences.ts).
 *
 * INVARIANTS
 * - A stanza of our server is written to the partner, or goes back as an error, or is of a kind that nobody is told of.
 * - Nothing flows in either direction while presences of before are being taken back.
 */
import { Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import type { ComponentHosts, Element, HostPair, S2sStream } from '@mom4c/xmpp';
import type { Partner } from '../partner.ts';
import { bounce } from './bounce.ts';
import { createLink } from './link.ts';
import {
  streamOctets,
  streamStatus,
  type LinkCounts,
  type LinkState,
  type LinkStatus,
} from './link-status.ts';
import { createOnDemandLink } from './on-demand-link.ts';
import { createPartnerPresences } from './partner-presences.ts';
import { createPartnerQueues } from './partner-queues.ts';
import type { PresenceLedger } from './presence-ledger.ts';
import { bareOf, pairOf } from './presence-reading.ts';
import { routeIncoming } from './router.ts';

export type PartnerLinkSettings = {
  readonly partner: Partner;
  /** Our domain, and those of our hosts that are federated. */
  readonly domain: string;
  readonly ours: ReadonlySet<string>;
  readonly component: Pick<ComponentHosts, 'online' | 'send'>;
  readonly ledger: PresenceLedger;
  readonly dial: (pair: HostPair, signal: AbortSignal) => Promise<S2sStream>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly refused: (error: Mom4cError, from: string) => void;
  readonly changed: () => void;
};

export type PartnerLink = {
  readonly partner: Partner;
  readonly wanted: boolean;
  status(): LinkStatus;
  connect(): void;
  disconnect(error: Mom4cError): void;
  accept(stream: S2sStream): void;
  /** Of our server. Resolves when the next one may come: it waits a little for room, for a partner that is only slow. */
  send(stanza: Element, pair: HostPair): Promise<void>;
  /** Goes back to its sender, one of ours. */
  back(stanza: Element, error: Mom4cError): Promise<void>;
  /** Our server has gone: the partner is told of all that were there. */
  serverLost(): void;
  /** Our server is there, or again: what it believes of the partner's people is taken back. */
  serverFound(): void;
  /** Resolves when all that was to be taken back has been. */
  settled(): Promise<void>;
};

/** Sender of what the gateway says itself; no address. */
const GATEWAY = '';

export function createPartnerLink(settings: PartnerLinkSettings): PartnerLink {
  const { partner, domain, ours, component, ledger, dial, log, clock, random, refused, changed } = settings;
  const theirs: ReadonlySet<string> = new Set(partner.hosts);
  const main: HostPair = { local: domain, remote: partner.domain };
  const isPaired = partner.level === 'sso';
  const counts = { sent: 0, received: 0, bouncedOut: 0, bouncedIn: 0, dropped: 0, ups: 0, downs: 0 };
  const octets = { out: streamOctets(), in: streamOctets() };
  let state: LinkState = 'disconnected';
  let since = clock.now();

  const queues = createPartnerQueues({
    ...{ clock, isShared: isPaired },
    onSent(stanza) {
      counts.sent += 1;
      presences.written(stanza);
    },
    onLost: (stanza, error) => void lost(stanza, error),
  });
  const presences = createPartnerPresences({
    ...{ partner: partner.domain, isPaired, component, ledger, log, clock, tellPartner },
  });

  const around = { partner: partner.domain, log, clock, random, onStanza: receive };
  const paired = isPaired
    ? createLink({
        ...around,
        dial: (signal) => dialled(main, signal),
        prepare: (out) => prepare(main, out),
        onUp: (out) => opened(main, out),
        onDown: (error) => {
          counts.downs += 1;
          closed(main, error);
          presences.partnerLost();
        },
      })
    : undefined;
  const onDemand = isPaired
    ? undefined
    : createOnDemandLink({
        ...around,
        dial: dialled,
        prepare,
        onOpen: opened,
        onClosed: closed,
        onLost: () => {
          counts.downs += 1;
          presences.partnerLost();
        },
      });
  const link = (paired ?? onDemand)!;

  function note(): void {
    const now = link.state;
    if (now === state) return;
    state = now;
    since = clock.now();
    changed();
  }

  async function dialled(pair: HostPair, signal: AbortSignal): Promise<S2sStream> {
    setImmediate(note);
    try {
      const stream = await dial(pair, signal);
      octets.out.watch(stream);
      return stream;
    } finally {
      setImmediate(note);
    }
  }

  async function prepare(pair: HostPair, out: S2sStream): Promise<void> {
    counts.sent += await presences.prepare(pair, out);
  }

  function opened(pair: HostPair, out: S2sStream): void {
    counts.ups += 1;
    queues.open(pair, (stanza) => out.send(stanza));
    note();
    void tellAll(presences.takeProbes());
  }

  function closed(pair: HostPair, error: Mom4cError): void {
    const written = queues.close(pair, new Mom4cError('M4C_PARTNER_DOWN', error.code));
    // Who learns by a bounce that he was not let in needs no other word.
    presences.cleanAfter(() => written);
    setImmediate(note);
  }

  /** Taken by a queue, and not written. */
  async function lost(stanza: Element, error: Mom4cError): Promise<void> {
    presences.lost(stanza);
    await back(stanza, error.code === 'M4C_PARTNER_STREAM' ? new Mom4cError('M4C_PARTNER_DOWN') : error);
  }

  async function back(stanza: Element, error: Mom4cError): Promise<void> {
    const answer = bounce(stanza, error);
    if (!answer) {
      counts.dropped += 1;
      return;
    }
    counts.bouncedOut += 1;
    await tell(answer);
  }

  /** Our server; if that has gone, its users have as well. */
  async function tell(stanza: Element): Promise<void> {
    await component.send(stanza).catch((error: unknown) => {
      log.debug({ err: error, partner: partner.domain }, 'our server was not told');
    });
  }

  async function tellAll(stanzas: readonly Element[]): Promise<void> {
    for (const stanza of stanzas) await tell(stanza);
  }

  // Of our server

  async function send(stanza: Element, pair: HostPair): Promise<void> {
    if (!(await presences.isCleanSoon()))
      return back(stanza, new Mom4cError('M4C_BUSY', 'presences are being taken back'));
    const why = obstacle(pair);
    if (why) return back(stanza, why);
    try {
      presences.take(stanza);
    } catch (error) {
      return back(stanza, asError(error));
    }
    const sender = bareOf(stanza.attrs.from ?? '');
    if (!(await queues.offerPatiently(pair, sender, stanza, () => obstacle(pair) !== undefined)))
      await lost(stanza, new Mom4cError('M4C_BUSY', 'too much waits for the partner'));
  }

  /** Why nothing can be sent between these now. */
  function obstacle(pair: HostPair): Mom4cError | undefined {
    if (onDemand) return onDemand.wake(pair);
    return link.state === 'up' ? undefined : new Mom4cError('M4C_PARTNER_DOWN', link.reason?.code);
  }

  // Of the partner

  async function receive(stanza: Element, stream: S2sStream): Promise<void> {
    const scope = isPaired
      ? { theirs, ours }
      : { theirs: new Set([stream.pair.remote]), ours: new Set([stream.pair.local]) };
    const route = routeIncoming(stanza, scope);
    if (route.go === 'close') {
      refused(route.error, partner.domain);
      return void stream.close(route.condition);
    }
    await presences.cleaning;
    if (route.go === 'back') return answer(stanza, route.error);
    try {
      await deliver(stanza);
    } catch (error) {
      answer(stanza, asError(error));
    }
  }

  async function deliver(stanza: Element): Promise<void> {
    if (!component.online)
      throw new Mom4cError('M4C_PARTNER_DOWN', 'the XMPP server of this domain is not there');
    await presences.handOn(stanza);
    counts.received += 1;
  }

  /** Goes back to the partner, if it can. */
  function answer(stanza: Element, error: Mom4cError): void {
    const { from = '', to = '' } = stanza.attrs;
    const stanzaBack = bounce(stanza, error);
    const pair = pairOf({ side: 'in', from, to });
    if (!stanzaBack || obstacle(pair) || !queues.offer(pair, GATEWAY, stanzaBack)) counts.dropped += 1;
    else counts.bouncedIn += 1;
  }

  async function tellPartner(stanza: Element, pair: HostPair, late: Promise<'late'>): Promise<boolean> {
    while (link.state === 'up' && !obstacle(pair)) {
      if (queues.offer(pair, GATEWAY, stanza)) return true;
      // What waits for a stream waits for this to end as well.
      if (!isPaired) return false;
      if ((await Promise.race([queues.moved(pair), late])) === 'late') return false;
    }
    return false;
  }

  return {
    partner,
    get wanted() {
      return link.wanted;
    },
    status() {
      const all: LinkCounts = {
        ...counts,
        sentOctets: octets.out.sum(),
        receivedOctets: octets.in.sum(),
        replaced: link.replaced,
      };
      const outs = paired ? [paired.out].filter((stream) => stream !== undefined) : onDemand!.outs;
      const ins = paired ? [paired.in].filter((stream) => stream !== undefined) : onDemand!.ins;
      const { reason } = link;
      return {
        partner: partner.domain,
        level: partner.level,
        state: link.state,
        out: outs.map(streamStatus),
        in: ins.map(streamStatus),
        since,
        reason: reason && { code: reason.code, detail: reason.detail },
        counts: all,
        queue: { stanzas: queues.load.pieces, octets: queues.load.octets },
        present: ledger.count(partner.domain),
      };
    },
    connect() {
      if (paired) paired.connect();
      else onDemand!.connect(main);
      note();
    },
    disconnect(error) {
      link.disconnect(error);
      note();
    },
    accept(stream) {
      octets.in.watch(stream);
      link.accept(stream);
      note();
    },
    send,
    back,
    serverLost: () => presences.serverLost(),
    serverFound: () => presences.serverFound(),
    async settled() {
      while (presences.cleaning) await presences.cleaning;
    },
  };
}

function asError(thrown: unknown): Mom4cError {
  return thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
}
