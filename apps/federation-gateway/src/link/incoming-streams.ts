/**
 * What a partner below sso has opened to us: of each pair of hosts the newest stream, and the one before, on which a
 * server may still write until it has taken to the newer one.
 *
 * INVARIANTS
 * - Of a pair two at most. With a third the oldest is ended in order: what it has brought is still handed on.
 * - The older one of two ends when its peer ends it, or when it has brought nothing for a minute.
 * - From `end` on nothing is handed on.
 */
import type { Clock } from '@mom4c/core';
import type { Element, HostPair, S2sStream } from '@mom4c/xmpp';

export type IncomingStreams = {
  readonly all: readonly S2sStream[];
  /** A stanza of one of them is being handled, and nothing behind it has been read. */
  readonly isBusy: boolean;
  /** Streams that came while there was one of their pair. */
  readonly replaced: number;
  add(stream: S2sStream): void;
  end(): void;
};

type Incoming = {
  readonly stream: S2sStream;
  /** A stanza of it is being handled. */
  busy: boolean;
  /** Of its stanzas, when it was last looked at. */
  seen: number;
  cancel: () => void;
};

const MAX_OF_PAIR = 2;
const DRAINED_MS = 60_000;

export function createIncomingStreams(
  clock: Clock,
  onStanza: (stanza: Element, stream: S2sStream) => void | Promise<void>,
): IncomingStreams {
  /** Of each pair the oldest first. */
  const pairs = new Map<string, Incoming[]>();
  let replaced = 0;
  /** What has come before the last `end` is of another. */
  let era = 0;

  function remove(key: string, one: Incoming): void {
    one.cancel();
    const left = (pairs.get(key) ?? []).filter((other) => other !== one);
    if (left.length === 0) pairs.delete(key);
    else {
      pairs.set(key, left);
      left.at(-1)!.cancel();
    }
  }

  /** Ends it once it brings nothing more. */
  function drain(one: Incoming): void {
    one.cancel();
    one.seen = one.stream.counts.stanzas;
    one.cancel = clock.after(DRAINED_MS, () => {
      if (one.busy || one.stream.counts.stanzas !== one.seen) drain(one);
      else void one.stream.close();
    });
  }

  function consume(one: Incoming): void {
    const own = era;
    one.stream.consume(async (stanza) => {
      if (era !== own) return;
      one.busy = true;
      try {
        await onStanza(stanza, one.stream);
      } finally {
        one.busy = false;
      }
    });
  }

  return {
    get all() {
      return [...pairs.values()].flatMap((ofPair) => ofPair.map(({ stream }) => stream));
    },
    get isBusy() {
      return [...pairs.values()].some((ofPair) => ofPair.some(({ busy }) => busy));
    },
    get replaced() {
      return replaced;
    },
    add(stream) {
      const key = pairKey(stream.pair);
      const one: Incoming = { stream, busy: false, seen: 0, cancel: () => {} };
      const older = pairs.get(key) ?? [];
      if (older.length > 0) replaced += 1;
      if (older.length === MAX_OF_PAIR) {
        remove(key, older[0]!);
        void older[0]!.stream.close();
      }
      const before = pairs.get(key) ?? [];
      for (const each of before) drain(each);
      pairs.set(key, [...before, one]);
      void stream.closed.then(() => remove(key, one));
      consume(one);
    },
    end() {
      era += 1;
      for (const one of [...pairs.values()].flat()) {
        one.cancel();
        void one.stream.close();
      }
      pairs.clear();
    },
  };
}

export function pairKey({ local, remote }: HostPair): string {
  return `${local} ${remote}`;
}
