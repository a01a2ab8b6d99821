/**
 * What our server and one partner believe of each other's people, and how it is taken back when the way between has gone.
 *
 * INVARIANTS
 * - What is remembered of presence is written down before the stanza is handed on, and forgotten after the other side
 *   was told.
 * - Works of taking back run one after the other.
 */
import type { Clock, Log } from '@mom4c/core';
import type { ComponentHosts, Element, HostPair, S2sStream } from '@mom4c/xmpp';
import { partnerLost, probes, serverLost } from './ghosts.ts';
import { PATIENCE_MS } from './partner-queues.ts';
import type { PresenceLedger } from './presence-ledger.ts';
import { pairOf, readPresence, type Presence } from './presence-reading.ts';
import { entryOf, UnwrittenPresences } from './unwritten-presences.ts';

export type PartnerPresencesSettings = {
  readonly partner: string;
  /** One stream carries all: with it everything is as new. Else only what has changed unheard is taken back. */
  readonly isPaired: boolean;
  readonly component: Pick<ComponentHosts, 'send'>;
  readonly ledger: PresenceLedger;
  readonly log: Log;
  readonly clock: Clock;
  /** Resolves when it waits to be written. @returns false if it cannot, or not before `late` */
  readonly tellPartner: (stanza: Element, pair: HostPair, late: Promise<'late'>) => Promise<boolean>;
};

export type PartnerPresences = {
  /** Settles when all that is to be taken back has been; undefined if there is nothing. */
  readonly cleaning: Promise<void> | undefined;
  /** Waits a little for it; not again for one that was waited for in vain. */
  isCleanSoon(): Promise<boolean>;
  /** A work of this kind, behind those that there are. */
  cleanAfter(work: () => Promise<void>): void;
  /** Of ours, about to be sent. @throws Mom4cError M4C_BUSY */
  take(stanza: Element): void;
  written(stanza: Element): void;
  /** Taken, and never written. */
  lost(stanza: Element): void;
  /** Of the partner: noted, handed on, and then forgotten what it takes back. @throws Mom4cError */
  handOn(stanza: Element): Promise<void>;
  /** A stream to the partner: he believes in ours what we told before, and some of it has changed unheard.
   *  @returns how many stanzas it took */
  prepare(pair: HostPair, out: S2sStream): Promise<number>;
  /** Who is to be asked now that the link is up. */
  takeProbes(): readonly Element[];
  partnerLost(): void;
  serverLost(): void;
  serverFound(): void;
};

/** In which a partner takes what it is told of those who have gone. What is left is told at the next stream. */
const TELLING_MS = 10_000;

export function createPartnerPresences(settings: PartnerPresencesSettings): PartnerPresences {
  const { partner, isPaired, component, ledger, log, clock, tellPartner } = settings;
  const unwritten = new UnwrittenPresences();
  /** Of ours that the partner was told: what may have changed while nothing could be. A stream below sso that was idle and is
   *  opened again finds everything as it was. */
  const doubtful = new Set<string>();
  /** Those who were told that somebody is gone, to be asked about once the link is up. */
  const resync = new Map<string, Element>();
  let cleaning: Promise<void> | undefined;
  /** It has been waited for in vain. */
  let isLong = false;
  doubt();

  function doubt(): void {
    doubtful.clear();
    for (const one of ledger.of(partner, 'out')) doubtful.add(keyOf(one));
  }

  function cleanAfter(work: () => Promise<void>): void {
    const own = (cleaning ?? Promise.resolve()).then(work).catch((error: unknown) => {
      log.debug({ err: error, partner }, 'not all presences were taken back');
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
    const gone = ledger.of(partner, 'in');
    const waiting = ledger.of(partner, 'out').filter(({ kind }) => kind === 'join');
    for (const stanza of partnerLost(gone, waiting)) await component.send(stanza);
    for (const one of gone) ledger.forget(partner, one);
    // They wait no more, but a room may have let them in and not been heard.
    for (const one of waiting) ledger.restore(partner, { ...one, kind: 'directed' });
  }

  async function forgetServer(): Promise<void> {
    const late = Promise.withResolvers<'late'>();
    const cancel = clock.after(TELLING_MS, () => late.resolve('late'));
    try {
      for (const one of ledger.of(partner, 'out')) {
        // Kept for when the partner can be told.
        if (!(await tellPartner(serverLost(one, '332'), pairOf(one), late.promise))) return doubt();
        ledger.forget(partner, one);
      }
    } finally {
      cancel();
    }
  }

  return {
    get cleaning() {
      return cleaning;
    },
    async isCleanSoon() {
      if (!cleaning) return true;
      if (isLong) return false;
      const late = Promise.withResolvers<boolean>();
      const cancel = clock.after(PATIENCE_MS, () => late.resolve(false));
      const own = cleaning;
      const isClean = await Promise.race([own.then(() => true), late.promise]);
      cancel();
      if (!isClean && cleaning === own) isLong = true;
      return isClean;
    },
    cleanAfter,
    take(stanza) {
      const change = readPresence(stanza, 'out');
      const entry = entryOf(stanza);
      const stood = entry && ledger.find(partner, entry);
      ledger.apply(partner, change);
      if (entry) unwritten.take(stanza, entry, stood);
      if (change.note) doubtful.delete(keyOf(change.note));
    },
    written: (stanza) => unwritten.written(stanza),
    lost(stanza) {
      const entry = entryOf(stanza);
      const undone = unwritten.lost(stanza);
      if (!entry || !undone) return;
      const { stood } = undone;
      try {
        const now = ledger.find(partner, entry);
        if (stood && (!now || now.kind === 'join')) ledger.restore(partner, stood);
        // Its sender is told; else he would be told once more with those who were let in.
        else if (!stood && now?.kind === 'join') ledger.forget(partner, entry);
        // To be told when he can hear.
        if (stood && !now) doubtful.add(keyOf(stood));
      } catch (thrown) {
        log.error({ err: thrown, partner }, 'the file of presences cannot be written');
      }
    },
    async handOn(stanza) {
      const { forget = [], ...shown } = readPresence(stanza, 'in');
      ledger.apply(partner, shown);
      await component.send(stanza);
      // Only now: had our server not heard it, it would have to be told later.
      if (forget.length > 0) ledger.apply(partner, { forget });
    },
    async prepare(pair, out) {
      if (cleaning) await cleaning;
      const known = ledger.of(partner, 'out');
      const stale = known.filter((one) => isPaired || (isOf(pair, one) && doubtful.has(keyOf(one))));
      for (const probe of probes(stale)) resync.set(`${probe.attrs.from}\n${probe.attrs.to}`, probe);
      let told = 0;
      try {
        for (const one of stale) {
          await out.send(serverLost(one, '333'));
          told += 1;
          ledger.forget(partner, one);
          doubtful.delete(keyOf(one));
        }
      } catch (error) {
        log.debug({ err: error, partner }, 'the partner was not told of all that have gone');
      }
      return told;
    },
    takeProbes() {
      const asking = [...resync.values()];
      resync.clear();
      return asking;
    },
    partnerLost() {
      cleanAfter(forgetPartner);
      doubt();
    },
    serverLost: () => cleanAfter(forgetServer),
    serverFound: () => cleanAfter(forgetPartner),
  };
}

function keyOf({ from, to }: Presence): string {
  return `${from}\n${to}`;
}

function isOf(pair: HostPair, presence: Presence): boolean {
  const { local, remote } = pairOf(presence);
  return local === pair.local && remote === pair.remote;
}
