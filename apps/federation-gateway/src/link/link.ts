/**
 * The link to a partner over two streams, one for each direction (sso): when it is up, and what brings it there.
 *
 * INVARIANTS
 * - It is up only while it is wanted, both streams are open, and what there was to do before stanzas may flow is done.
 * - One outgoing stream at a time, one being opened, or one pause before the next try: never two of these.
 * - `up` and `down` take turns. When it goes down both streams are closed: what a partner says after it was told as gone
 *   would be of somebody who is not there. A newer incoming stream ends the link as well, since the partner has given
 *   up the older one; but it stays.
 * - It comes up no more often than the pauses between tries allow, which grow until it has stayed for a while: a partner
 *   that opens streams again and again makes neither noise nor work. His coming cuts a pause short, at most every 5 s.
 * - Not wanted, or stopped: no stream, no try, no timer.
 */
import { jitteredBackoff, Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import type { Element, S2sStream } from '@mom4c/xmpp';

export type LinkSettings = {
  readonly partner: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Opens the outgoing stream. @throws Mom4cError */
  readonly dial: (signal: AbortSignal) => Promise<S2sStream>;
  /** What must be done before stanzas flow, over the outgoing stream. Must not throw. */
  readonly prepare: (out: S2sStream) => Promise<void>;
  readonly onUp: (out: S2sStream) => void;
  readonly onDown: (error: Mom4cError) => void;
  /** A stanza that has come while the link was up. Nothing more is read until it is settled. */
  readonly onStanza: (stanza: Element, stream: S2sStream) => void | Promise<void>;
};

export type Link = {
  readonly state: 'up' | 'connecting' | 'waiting' | 'disconnected';
  readonly wanted: boolean;
  readonly out: S2sStream | undefined;
  readonly in: S2sStream | undefined;
  /** Incoming streams that took the place of an older one. */
  readonly replaced: number;
  /** Why it is not up. */
  readonly reason: Mom4cError | undefined;
  connect(): void;
  /** Down, until `connect`. @param error what those are told who send */
  disconnect(error: Mom4cError): void;
  /** An incoming stream, authenticated. */
  accept(stream: S2sStream): void;
};

const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 30_000;
/** Up for that long it was a success. */
const STEADY_MS = 30_000;
const SHORTCUT_MS = 5_000;

type Out =
  | { readonly is: 'none' }
  | { readonly is: 'dialing'; readonly abort: AbortController }
  | { readonly is: 'pause'; readonly cancel: () => void }
  | { readonly is: 'open'; readonly stream: S2sStream };

/** Of two streams; up since then, by the monotonic clock. */
type Session = { since: number | undefined };

export function createLink(settings: LinkSettings): Link {
  const { partner, log, clock, random, dial, prepare, onUp, onDown, onStanza } = settings;
  const backoff = jitteredBackoff({ baseMs: BACKOFF_BASE_MS, capMs: BACKOFF_CAP_MS, random });
  let wanted = false;
  let out: Out = { is: 'none' };
  let incoming: S2sStream | undefined;
  /** Between two streams that are both open: `prepare` runs, then it is up. */
  let session: Session | undefined;
  let cameUp = Promise.withResolvers<void>();
  let replaced = 0;
  let reason: Mom4cError | undefined;
  /** The cause that the log has already; the same again makes no line. */
  let told: string | undefined;
  let dialed = Number.NEGATIVE_INFINITY;

  const isUp = (): boolean => session?.since !== undefined;

  function start(): void {
    const abort = new AbortController();
    out = { is: 'dialing', abort };
    dialed = clock.monotonic();
    Promise.try(dial, abort.signal).then(
      (stream) => {
        if (out.is !== 'dialing' || out.abort !== abort) return void stream.close();
        out = { is: 'open', stream };
        void stream.closed.then(({ error }) => {
          if (out.is === 'open' && out.stream === stream) fall(error);
        });
        settle();
      },
      (thrown: unknown) => {
        if (out.is === 'dialing' && out.abort === abort) fall(asError(thrown));
      },
    );
  }

  /** Both there: up, once what must be done before is done. */
  function settle(): void {
    if (out.is !== 'open' || !incoming || session) return;
    const { stream } = out;
    const fresh: Session = { since: undefined };
    session = fresh;
    void prepare(stream).then(() => {
      if (session !== fresh) return;
      fresh.since = clock.monotonic();
      reason = undefined;
      told = undefined;
      log.info({ partner, address: stream.peer.address, tls: stream.peer.tls }, 'link up');
      onUp(stream);
      cameUp.resolve();
    });
  }

  /** The outgoing direction is lost, or was not to be had. @param keep this incoming stream stays */
  function fall(error: Mom4cError, keep?: S2sStream): void {
    const wasUp = isUp();
    if (wasUp && clock.monotonic() - session!.since! >= STEADY_MS) backoff.reset();
    const [before, lost] = [out, session];
    out = wanted ? pause() : { is: 'none' };
    session = undefined;
    reason = error;
    release(before);
    // A stream that brought nobody up may still: the partner has opened it, and waits for ours.
    if ((lost || !wanted) && incoming !== keep) drop(error);
    if (wanted && (wasUp || told !== error.code))
      log.warn(
        { partner, code: error.code, detail: error.detail },
        wasUp ? 'link down' : 'no link yet, trying again',
      );
    told = error.code;
    if (!wasUp) return;
    cameUp = Promise.withResolvers<void>();
    onDown(error);
  }

  function pause(): Out {
    return { is: 'pause', cancel: clock.after(backoff.next(), start) };
  }

  function release(before: Out): void {
    if (before.is === 'dialing') before.abort.abort();
    if (before.is === 'pause') before.cancel();
    if (before.is === 'open') void before.stream.close();
  }

  function drop(error: Mom4cError): void {
    const stream = incoming;
    incoming = undefined;
    stream?.destroy(error);
  }

  /** Until the link is up what has come waits, and the partner with it. */
  function consume(stream: S2sStream): void {
    stream.consume((stanza) => {
      if (incoming !== stream) return;
      if (isUp()) return onStanza(stanza, stream);
      return whenUp(stream).then(() =>
        incoming === stream && isUp() ? onStanza(stanza, stream) : undefined,
      );
    });
  }

  async function whenUp(stream: S2sStream): Promise<void> {
    while (incoming === stream && !isUp()) await Promise.race([cameUp.promise, stream.closed]);
  }

  return {
    get state() {
      if (!wanted) return 'disconnected';
      if (isUp()) return 'up';
      return out.is === 'pause' ? 'waiting' : 'connecting';
    },
    get wanted() {
      return wanted;
    },
    get out() {
      return out.is === 'open' ? out.stream : undefined;
    },
    get in() {
      return incoming;
    },
    get replaced() {
      return replaced;
    },
    get reason() {
      return reason;
    },
    connect() {
      if (wanted) return;
      wanted = true;
      backoff.reset();
      start();
    },
    disconnect(error) {
      if (!wanted) return;
      wanted = false;
      log.info({ partner }, 'link given up');
      fall(error);
    },
    accept(stream) {
      if (!wanted) return void stream.close('policy-violation');
      const older = incoming;
      incoming = stream;
      const superseded = new Mom4cError('M4C_PARTNER_STREAM', 'the partner has opened a newer stream');
      if (older) {
        replaced += 1;
        older.destroy(superseded);
        if (session) fall(superseded, stream);
      }
      void stream.closed.then(({ error }) => {
        if (incoming !== stream) return;
        incoming = undefined;
        if (session) fall(error);
      });
      consume(stream);
      if (out.is === 'pause' && clock.monotonic() - dialed >= SHORTCUT_MS) {
        out.cancel();
        start();
      } else settle();
    },
  };
}

function asError(thrown: unknown): Mom4cError {
  return thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
}
