/**
 * What waits for the streams to one partner: a queue for each pair of hosts, or one for all, and how long a sender is
 * waited for that finds no room.
 *
 * INVARIANT: after a wait in vain nobody is waited for until half of what waited has left, or its stream has ended.
 */
import type { Clock, Load, Mom4cError } from '@mom4c/core';
import { weightOf, type Element, type HostPair } from '@mom4c/xmpp';
import { pairKey } from './incoming-streams.ts';
import { OutboundQueue, QUEUE_LIMITS } from './outbound-queue.ts';

export type PartnerQueuesSettings = {
  readonly clock: Clock;
  /** One queue for all pairs. */
  readonly isShared: boolean;
  readonly onSent: (stanza: Element) => void;
  /** Taken, and not written. */
  readonly onLost: (stanza: Element, error: Mom4cError) => void;
};

export type PartnerQueues = {
  /** Of all pairs. */
  readonly load: Load;
  /** What waits is written from now on. */
  open(pair: HostPair, write: (stanza: Element) => Promise<void>): void;
  /** What waits is lost. Resolves when that is certain of what is being written, too. */
  close(pair: HostPair, error: Mom4cError): Promise<void>;
  /** @param sender to whose share it counts @returns is there room? */
  offer(pair: HostPair, sender: string, stanza: Element): boolean;
  /** The same, and waits a little for room. @param isVain nothing can be sent between these any more */
  offerPatiently(pair: HostPair, sender: string, stanza: Element, isVain: () => boolean): Promise<boolean>;
  /** Resolves when something has left. */
  moved(pair: HostPair): Promise<void>;
};

/** How long the reading from our server stands still for a partner that has much to take: others must not suffer from one
 *  that is stuck. */
export const PATIENCE_MS = 250;

export function createPartnerQueues(settings: PartnerQueuesSettings): PartnerQueues {
  const { clock, isShared, onSent, onLost } = settings;
  const queues = new Map<string, OutboundQueue>();
  let isStuck = false;

  function queueOf(pair: HostPair): OutboundQueue {
    const key = isShared ? '' : pairKey(pair);
    const known = queues.get(key);
    if (known) return known;
    const fresh = new OutboundQueue((stanza) => {
      onSent(stanza);
      if (isStuck && isHalfEmpty(fresh)) isStuck = false;
    }, onLost);
    queues.set(key, fresh);
    return fresh;
  }

  function offer(pair: HostPair, sender: string, stanza: Element): boolean {
    return queueOf(pair).offer(sender, weightOf({ element: stanza }), stanza);
  }

  return {
    get load() {
      const loads = [...queues.values()].map(({ load }) => load);
      return {
        pieces: loads.reduce((sum, { pieces }) => sum + pieces, 0),
        octets: loads.reduce((sum, { octets }) => sum + octets, 0),
      };
    },
    open: (pair, write) => queueOf(pair).open(write),
    close(pair, error) {
      isStuck = false;
      return queueOf(pair).close(error);
    },
    offer,
    async offerPatiently(pair, sender, stanza, isVain) {
      if (offer(pair, sender, stanza)) return true;
      if (isStuck) return false;
      const end = Promise.withResolvers<'late'>();
      const cancel = clock.after(PATIENCE_MS, () => end.resolve('late'));
      try {
        while ((await Promise.race([queueOf(pair).moved(), end.promise])) !== 'late') {
          if (isVain()) return false;
          if (offer(pair, sender, stanza)) return true;
        }
      } finally {
        cancel();
      }
      isStuck = true;
      return false;
    },
    moved: (pair) => queueOf(pair).moved(),
  };
}

function isHalfEmpty({ load }: OutboundQueue): boolean {
  const { pieces, octets } = QUEUE_LIMITS.total;
  return load.pieces * 2 < pieces && load.octets * 2 < octets;
}
