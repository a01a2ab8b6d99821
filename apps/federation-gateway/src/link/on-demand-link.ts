/**
 * The link to a partner below sso: an outgoing stream for each pair of hosts, opened when there is something to send
 * and closed when there was nothing for a while, as servers do it among each other.
 *
 * INVARIANTS
 * - For each pair one outgoing stream, or one being opened, or one pause before the next try. During a pause nothing
 *   is taken. The partner's coming ends it, of a pair at most every 5 s.
 * - A newer incoming stream does not cut off the one before it: incoming-streams.ts.
 * - The partner counts as lost when a stream to him cannot be opened, not when one ends: idle streams do.
 * - Each stream is watched for a peer that has gone silent: by XEP-0198, else by peer-pings.ts.
 * - Not wanted, or stopped: no stream, no try, no timer.
 */
import { jitteredBackoff, Mom4cError, type Backoff, type Clock, type Log, type Random } from '@mom4c/core';
import type { Element, HostPair, S2sStream } from '@mom4c/xmpp';
import { createIncomingStreams, pairKey } from './incoming-streams.ts';
import { createPeerPings } from './peer-pings.ts';

export type OnDemandSettings = {
  readonly partner: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: (pair: HostPair, signal: AbortSignal) => Promise<S2sStream>;
  /** What must be done before stanzas flow over it. Must not throw. */
  readonly prepare: (pair: HostPair, out: S2sStream) => Promise<void>;
  readonly onOpen: (pair: HostPair, out: S2sStream) => void;
  readonly onClosed: (pair: HostPair, error: Mom4cError) => void;
  /** No stream to the partner could be opened, where there was one, or had not been one yet. */
  readonly onLost: (error: Mom4cError) => void;
  readonly onStanza: (stanza: Element, stream: S2sStream) => void | Promise<void>;
};

export type OnDemandLink = {
  readonly state: 'up' | 'connecting' | 'waiting' | 'down' | 'disconnected';
  readonly wanted: boolean;
  readonly outs: readonly S2sStream[];
  readonly ins: readonly S2sStream[];
  readonly replaced: number;
  readonly reason: Mom4cError | undefined;
  /** @param pair a stream is opened for it at once, and kept open */
  connect(pair: HostPair): void;
  disconnect(error: Mom4cError): void;
  accept(stream: S2sStream): void;
  /** Something is to be sent between these. @returns undefined if it may wait for the stream, else why not */
  wake(pair: HostPair): Mom4cError | undefined;
};

const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 60_000;
const IDLE_MS = 300_000;
const SHORTCUT_MS = 5_000;
/** Open for that long it was a success. */
const STEADY_MS = 1_000;

type Channel = {
  readonly pair: HostPair;
  readonly backoff: Backoff;
  is: 'idle' | 'dialing' | 'pause' | 'open';
  stream: S2sStream | undefined;
  /** What was counted when it was last looked at. */
  seen: number;
  /** When the pause ends, by the monotonic clock. */
  resumes: number;
  /** When the partner's coming last ended a pause, or is to. */
  hurried: number;
  /** The partner has come while a stream to him was being opened. */
  came: boolean;
  /** Ends what it does, or the timer that it waits for. */
  cancel: () => void;
};

export function createOnDemandLink(settings: OnDemandSettings): OnDemandLink {
  const { partner, log, clock, random, dial, prepare, onOpen, onClosed, onLost, onStanza } = settings;
  const channels = new Map<string, Channel>();
  const incoming = createIncomingStreams(clock, (stanza, stream) =>
    pings.answers(stanza, stream) ? undefined : onStanza(stanza, stream),
  );
  const pings = createPeerPings(clock, random, () => incoming.isBusy);
  let wanted = false;
  let kept: string | undefined;
  let reason: Mom4cError | undefined;
  let lost = false;

  function channelOf(pair: HostPair): Channel {
    const known = channels.get(pairKey(pair));
    if (known) return known;
    const backoff = jitteredBackoff({ baseMs: BACKOFF_BASE_MS, capMs: BACKOFF_CAP_MS, random });
    const fresh: Channel = {
      ...{ pair, backoff, is: 'idle', stream: undefined, seen: 0, came: false, cancel: () => {} },
      ...{ resumes: Number.NEGATIVE_INFINITY, hurried: Number.NEGATIVE_INFINITY },
    };
    channels.set(pairKey(pair), fresh);
    return fresh;
  }

  function start(channel: Channel): void {
    const abort = new AbortController();
    channel.is = 'dialing';
    channel.came = false;
    channel.cancel = () => abort.abort();
    Promise.try(dial, channel.pair, abort.signal).then(
      async (stream) => {
        if (abort.signal.aborted) return void stream.close();
        await prepare(channel.pair, stream);
        if (abort.signal.aborted) return void stream.close();
        opened(channel, stream);
      },
      (thrown: unknown) => {
        if (abort.signal.aborted) return;
        if (!channel.came || !mayHurry(channel)) return failed(channel, asError(thrown));
        channel.hurried = clock.monotonic();
        start(channel);
      },
    );
  }

  function opened(channel: Channel, stream: S2sStream): void {
    Object.assign(channel, { is: 'open', stream, seen: 0 });
    const since = clock.monotonic();
    watchIdle(channel, stream);
    pings.watch(stream, () => kept === pairKey(channel.pair));
    reason = undefined;
    lost = false;
    log.info({ partner, ...channel.pair, address: stream.peer.address, tls: stream.peer.tls }, 'stream up');
    onOpen(channel.pair, stream);
    void stream.closed.then(({ error }) => {
      if (channel.stream !== stream) return;
      channel.cancel();
      Object.assign(channel, { is: 'idle', stream: undefined });
      log.info({ partner, ...channel.pair, code: error.code, detail: error.detail }, 'stream down');
      // Who takes streams only to end them is not asked again at once.
      if (clock.monotonic() - since < STEADY_MS) return failed(channel, error);
      channel.backoff.reset();
      onClosed(channel.pair, error);
      if (kept === pairKey(channel.pair)) start(channel);
    });
  }

  function failed(channel: Channel, error: Mom4cError): void {
    pause(channel, channel.backoff.next());
    if (!lost || reason?.code !== error.code)
      log.warn(
        { partner, ...channel.pair, code: error.code, detail: error.detail },
        'no stream, trying again when needed',
      );
    reason = error;
    onClosed(channel.pair, error);
    if (lost) return;
    lost = true;
    onLost(error);
  }

  function pause(channel: Channel, ms: number): void {
    channel.is = 'pause';
    channel.resumes = clock.monotonic() + ms;
    channel.cancel = clock.after(ms, () => resume(channel));
  }

  function resume(channel: Channel): void {
    channel.is = 'idle';
    if (kept === pairKey(channel.pair)) start(channel);
  }

  function mayHurry({ hurried }: Channel): boolean {
    return clock.monotonic() - hurried >= SHORTCUT_MS;
  }

  /** The partner is there: why wait. */
  function hurry(channel: Channel): void {
    if (channel.is === 'dialing') channel.came = true;
    if (channel.is !== 'pause') return;
    const now = clock.monotonic();
    const at = Math.max(now, channel.hurried + SHORTCUT_MS);
    if (at >= channel.resumes) return;
    channel.hurried = at;
    channel.cancel();
    if (at === now) resume(channel);
    else pause(channel, at - now);
  }

  function watchIdle(channel: Channel, stream: S2sStream): void {
    if (kept === pairKey(channel.pair)) {
      channel.cancel = () => {};
      return;
    }
    channel.cancel = clock.after(IDLE_MS, () => {
      if (stream.counts.stanzas === channel.seen) return void stream.close();
      channel.seen = stream.counts.stanzas;
      watchIdle(channel, stream);
    });
  }

  return {
    get state() {
      if (!wanted) return 'disconnected';
      const states = new Set([...channels.values()].map(({ is }) => is));
      if (states.has('open')) return 'up';
      if (states.has('dialing')) return 'connecting';
      return states.has('pause') ? 'waiting' : 'down';
    },
    get wanted() {
      return wanted;
    },
    get outs() {
      return [...channels.values()].flatMap(({ stream }) => (stream ? [stream] : []));
    },
    get ins() {
      return incoming.all;
    },
    get replaced() {
      return incoming.replaced;
    },
    get reason() {
      return reason;
    },
    connect(pair) {
      if (wanted) return;
      wanted = true;
      kept = pairKey(pair);
      start(channelOf(pair));
    },
    disconnect(error) {
      if (!wanted) return;
      wanted = false;
      kept = undefined;
      reason = error;
      log.info({ partner }, 'link given up');
      for (const channel of channels.values()) {
        channel.cancel();
        const { stream } = channel;
        Object.assign(channel, { is: 'idle', stream: undefined });
        void stream?.close();
        onClosed(channel.pair, error);
      }
      incoming.end();
      channels.clear();
      if (!lost) onLost(error);
      lost = true;
    },
    accept(stream) {
      if (!wanted) return void stream.close('policy-violation');
      incoming.add(stream);
      for (const channel of channels.values()) hurry(channel);
    },
    wake(pair) {
      if (!wanted) return reason ?? new Mom4cError('M4C_PARTNER_DOWN');
      const channel = channelOf(pair);
      if (channel.is === 'pause') return new Mom4cError('M4C_PARTNER_DOWN', reason?.code);
      if (channel.is === 'idle') start(channel);
      return undefined;
    },
  };
}

function asError(thrown: unknown): Mom4cError {
  return thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
}
