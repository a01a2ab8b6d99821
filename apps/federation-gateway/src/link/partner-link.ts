/**
 * All that goes to and comes from one partner: a link of the kind that its level asks for, what waits to be sent, and
 * the presences that must be taken back when the way has gone.
 *
 * INVARIANTS
 * - A stanza of our server is written to the partner, or goes back as an error, or is of a kind that nobody is told of.
 * - What is remembered of presence is written down before the stanza is handed on, and forgotten after the other side
 *   was told.
 * - Nothing flows in either direction while presences of before are being taken back.
 */
import { Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import { weightOf, type ComponentHosts, type Element, type HostPair, type S2sStream } from '@mom4c/xmpp';
import type { Partner } from '../partner.ts';
import { bounce } from './bounce.ts';
import { partnerLost, probes, serverLost } from './ghosts.ts';
import { createLink } from './link.ts';
import { streamStatus, type LinkCounts, type LinkState, type LinkStatus } from './link-status.ts';
import { createOnDemandLink } from './on-demand-link.ts';
import { OutboundQueue, QUEUE_LIMITS } from './outbound-queue.ts';
import type { PresenceLedger } from './presence-ledger.ts';
import { bareOf, pairOf, readPresence, type Presence } from './presence-reading.ts';
import { routeIncoming } from './router.ts';
import { entryOf, UnwrittenPresences } from './unwritten-presences.ts';

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

/** How long the reading from our server stands still for a partner that has much to take. Once in vain, not again
 *  before half of what waits has left: others must not suffer from one that is stuck. */
const PATIENCE_MS = 250;
/** In which a partner takes what it is told of those who have gone. What is left is told at the next stream. */
const TELLING_MS = 10_000;
/** Sender of what the gateway says itself; no address. */
const GATEWAY = '';

export function createPartnerLink(settings: PartnerLinkSettings): PartnerLink {
  const { partner, domain, ours, component, ledger, dial, log, clock, random, refused, changed } = settings;
  const theirs: ReadonlySet<string> = new Set(partner.hosts);
  const main: HostPair = { local: domain, remote: partner.domain };
  const isPaired = partner.level === 'sso';
  const counts = { sent: 0, received: 0, bouncedOut: 0, bouncedIn: 0, dropped: 0, ups: 0, downs: 0 };
  /** By pair of hosts; for sso one for all. */
  const queues = new Map<string, OutboundQueue>();
  const unwritten = new UnwrittenPresences();
  const octets = { out: streamOctets(), in: streamOctets() };
  let stuck = false;
  /** The taking back of presences, one after the other. */
  let cleaning: Promise<void> | undefined;
  /** It has been waited for in vain. */
  let isLong = false;
  let state: LinkState = 'disconnected';
  let since = clock.now();

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
          cleanAfter(() => forgetPartner());
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
          cleanAfter(() => forgetPartner());
          doubt();
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

  function queueOf(pair: HostPair): OutboundQueue {
    const key = isPaired ? '' : `${pair.local} ${pair.remote}`;
    const known = queues.get(key);
    if (known) return known;
    const fresh = new OutboundQueue(
      (stanza) => {
        counts.sent += 1;
        unwritten.written(stanza);
        if (stuck && isHalfEmpty(fresh)) stuck = false;
      },
      (stanza, error) => void lost(stanza, error),
    );
    queues.set(key, fresh);
    return fresh;
  }

  function opened(pair: HostPair, out: S2sStream): void {
    counts.ups += 1;
    queueOf(pair).open((stanza) => out.send(stanza));
    note();
    const asking = [...resync.values()];
    resync.clear();
    void sendAll(asking);
  }

  function closed(pair: HostPair, error: Mom4cError): void {
    stuck = false;
    const written = queueOf(pair).close(new Mom4cError('M4C_PARTNER_DOWN', error.code));
    // Who learns by a bounce that he was not let in needs no other word.
    cleanAfter(() => written);
    setImmediate(note);
  }

  /** Taken by the queue, and not written. */
  async function lost(stanza: Element, error: Mom4cError): Promise<void> {
    try {
      unsay(stanza);
    } catch (thrown) {
      log.error({ err: thrown, partner: partner.domain }, 'the file of presences cannot be written');
    }
    await back(stanza, error.code === 'M4C_PARTNER_STREAM' ? new Mom4cError('M4C_PARTNER_DOWN') : error);
  }

  /** The partner has not heard it. */
  function unsay(stanza: Element): void {
    const entry = entryOf(stanza);
    const undone = unwritten.lost(stanza);
    if (!entry || !undone) return;
    const { stood } = undone;
    const now = ledger.find(partner.domain, entry);
    if (stood && (!now || now.kind === 'join')) ledger.restore(partner.domain, stood);
    // Its sender is told; else he would be told once more with those who were let in.
    else if (!stood && now?.kind === 'join') ledger.forget(partner.domain, entry);
    // To be told when he can hear.
    if (stood && !now) doubtful.add(keyOf(stood));
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

  async function sendAll(stanzas: readonly Element[]): Promise<void> {
    for (const stanza of stanzas) await tell(stanza);
  }

  // Of our server

  async function send(stanza: Element, pair: HostPair): Promise<void> {
    if (!(await isCleanSoon()))
      return back(stanza, new Mom4cError('M4C_BUSY', 'presences are being taken back'));
    const why = obstacle(pair);
    if (why) return back(stanza, why);
    try {
      const change = readPresence(stanza, 'out');
      const entry = entryOf(stanza);
      const stood = entry && ledger.find(partner.domain, entry);
      ledger.apply(partner.domain, change);
      if (entry) unwritten.take(stanza, entry, stood);
      if (change.note) doubtful.delete(keyOf(change.note));
    } catch (error) {
      return back(stanza, asError(error));
    }
    if (!(await offer(stanza, pair)))
      await lost(stanza, new Mom4cError('M4C_BUSY', 'too much waits for the partner'));
  }

  async function isCleanSoon(): Promise<boolean> {
    if (!cleaning) return true;
    if (isLong) return false;
    const late = Promise.withResolvers<boolean>();
    const cancel = clock.after(PATIENCE_MS, () => late.resolve(false));
    const own = cleaning;
    const isClean = await Promise.race([own.then(() => true), late.promise]);
    cancel();
    if (!isClean && cleaning === own) isLong = true;
    return isClean;
  }

  /** Why nothing can be sent between these now. */
  function obstacle(pair: HostPair): Mom4cError | undefined {
    if (onDemand) return onDemand.wake(pair);
    return link.state === 'up' ? undefined : new Mom4cError('M4C_PARTNER_DOWN', link.reason?.code);
  }

  async function offer(stanza: Element, pair: HostPair): Promise<boolean> {
    const queue = queueOf(pair);
    const [sender, octets] = [bareOf(stanza.attrs.from ?? ''), weightOf({ element: stanza })];
    if (queue.offer(sender, octets, stanza)) return true;
    if (stuck) return false;
    const end = Promise.withResolvers<'late'>();
    const cancel = clock.after(PATIENCE_MS, () => end.resolve('late'));
    try {
      while ((await Promise.race([queue.moved(), end.promise])) !== 'late') {
        if (obstacle(pair)) return false;
        if (queue.offer(sender, octets, stanza)) return true;
      }
    } finally {
      cancel();
    }
    stuck = true;
    return false;
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
    if (cleaning) await cleaning;
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
    const { forget = [], ...shown } = readPresence(stanza, 'in');
    ledger.apply(partner.domain, shown);
    await component.send(stanza);
    // Only now: had our server not heard it, it would have to be told later.
    if (forget.length > 0) ledger.apply(partner.domain, { forget });
    counts.received += 1;
  }

  /** Goes back to the partner, if it can. */
  function answer(stanza: Element, error: Mom4cError): void {
    const { from = '', to = '' } = stanza.attrs;
    const stanzaBack = bounce(stanza, error);
    const pair = pairOf({ side: 'in', from, to });
    if (
      !stanzaBack ||
      obstacle(pair) ||
      !queueOf(pair).offer(GATEWAY, weightOf({ element: stanzaBack }), stanzaBack)
    )
      counts.dropped += 1;
    else counts.bouncedIn += 1;
  }

  // Presences of before

  /** Of ours that the partner was told: what may have changed while nothing could be. A stream below sso that was idle and is
   *  opened again finds everything as it was. */
  const doubtful = new Set<string>();
  doubt();

  function doubt(): void {
    doubtful.clear();
    for (const one of ledger.of(partner.domain, 'out')) doubtful.add(keyOf(one));
  }

  /** Those who were told that somebody is gone, to be asked about once the link is up. */
  const resync = new Map<string, Element>();

  /** The partner believes in ours what we told before; some of it has changed unheard. */
  async function prepare(pair: HostPair, out: S2sStream): Promise<void> {
    if (cleaning) await cleaning;
    const known = ledger.of(partner.domain, 'out');
    const stale = known.filter((one) => isPaired || (isOf(pair, one) && doubtful.has(keyOf(one))));
    for (const probe of probes(stale)) resync.set(`${probe.attrs.from}\n${probe.attrs.to}`, probe);
    try {
      for (const one of stale) {
        await out.send(serverLost(one, '333'));
        counts.sent += 1;
        ledger.forget(partner.domain, one);
        doubtful.delete(keyOf(one));
      }
    } catch (error) {
      log.debug({ err: error, partner: partner.domain }, 'the partner was not told of all that have gone');
    }
  }

  function cleanAfter(work: () => Promise<void>): void {
    const own = (cleaning ?? Promise.resolve()).then(work).catch((error: unknown) => {
      log.debug({ err: error, partner: partner.domain }, 'not all presences were taken back');
    });
    cleaning = own;
    void own.then(() => {
      if (cleaning !== own) return;
      cleaning = undefined;
      isLong = false;
    });
  }

  /** Our server and users are told that nobody of the partner is there. Without our server it is done when that is back. */
  async function forgetPartner(): Promise<void> {
    const gone = ledger.of(partner.domain, 'in');
    const waiting = ledger.of(partner.domain, 'out').filter(({ kind }) => kind === 'join');
    for (const stanza of partnerLost(gone, waiting)) await component.send(stanza);
    for (const one of gone) ledger.forget(partner.domain, one);
    // They wait no more, but a room may have let them in and not been heard.
    for (const one of waiting) ledger.restore(partner.domain, { ...one, kind: 'directed' });
  }

  async function forgetServer(): Promise<void> {
    const late = Promise.withResolvers<'late'>();
    const cancel = clock.after(TELLING_MS, () => late.resolve('late'));
    try {
      for (const one of ledger.of(partner.domain, 'out')) {
        // Kept for when the partner can be told.
        if (!(await tellPartner(serverLost(one, '332'), pairOf(one), late.promise))) return doubt();
        ledger.forget(partner.domain, one);
      }
    } finally {
      cancel();
    }
  }

  async function tellPartner(stanza: Element, pair: HostPair, late: Promise<'late'>): Promise<boolean> {
    const queue = queueOf(pair);
    while (link.state === 'up' && !obstacle(pair)) {
      if (queue.offer(GATEWAY, weightOf({ element: stanza }), stanza)) return true;
      // What waits for a stream waits for this to end as well.
      if (!isPaired) return false;
      if ((await Promise.race([queue.moved(), late])) === 'late') return false;
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
      const loads = [...queues.values()].map(({ load }) => load);
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
        queue: {
          stanzas: loads.reduce((sum, { pieces }) => sum + pieces, 0),
          octets: loads.reduce((sum, { octets }) => sum + octets, 0),
        },
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
    serverLost: () => cleanAfter(forgetServer),
    serverFound: () => cleanAfter(forgetPartner),
    async settled() {
      while (cleaning) await cleaning;
    },
  };
}

/** Of streams that are there and that were. */
function streamOctets(): { watch(stream: S2sStream): void; sum(): number } {
  const streams = new Set<S2sStream>();
  let past = 0;
  return {
    watch(stream) {
      streams.add(stream);
      void stream.closed.then(() => {
        streams.delete(stream);
        past += stream.counts.octets;
      });
    },
    sum: () => [...streams].reduce((sum, { counts }) => sum + counts.octets, past),
  };
}

function isHalfEmpty({ load }: OutboundQueue): boolean {
  const { pieces, octets } = QUEUE_LIMITS.total;
  return load.pieces * 2 < pieces && load.octets * 2 < octets;
}

function keyOf({ from, to }: Presence): string {
  return `${from}\n${to}`;
}

function isOf(pair: HostPair, presence: Presence): boolean {
  const { local, remote } = pairOf(presence);
  return local === pair.local && remote === pair.remote;
}

function asError(thrown: unknown): Mom4cError {
  return thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
}
