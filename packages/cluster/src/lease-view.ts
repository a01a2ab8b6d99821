/**
 * What one manager knows of the lease, and what follows from it: when it may take it, and under which epoch.
 *
 * INVARIANTS:
 * - The next epoch is higher than every one of its generation that this manager has seen, in the store or opened in the log: also
 *   where the store has lost its last writes. Where it has lost all of them, there is no next one before the authority has
 *   raised the generation.
 * - An older write that is shown again is no news; that the store has lost the newer one has to be proven.
 */
import { compareEpochs, epochOf } from '@mom4c/core';
import type { Epoch, LeaseEntry, LeaseRecord, Led } from '@mom4c/core';

export type LeaseViewOptions = {
  name: string;
  /** Random, of this process. */
  instance: string;
  /** The highest that the authority has stated. */
  generation: () => number;
  /** The highest epoch that the log has opened. */
  opened: () => Led | undefined;
  /** Milliseconds, on the monotonic clock. */
  now: () => number;
  leaseMs: number;
  staggerMs: number;
};

/** In staggers: how long a lease that was given back waits for the successor that was named. */
const SUCCESSOR_TURNS = 10;

export class LeaseView {
  readonly #options: LeaseViewOptions;
  #known: { entry: LeaseEntry; seenAt: number } | undefined;
  #highest: Epoch | undefined;
  /** Whose session is gone, by the room, and since when that is known. */
  #gone: { epoch: Epoch; at: number } | undefined;

  constructor(options: LeaseViewOptions) {
    this.#options = options;
  }

  get entry(): LeaseEntry | undefined {
    return this.#known?.entry;
  }

  /** On the monotonic clock: when the last write was seen. */
  get seenAt(): number | undefined {
    return this.#known?.seenAt;
  }

  /** @returns is it news? */
  see(entry: LeaseEntry): boolean {
    const before = this.#known?.entry;
    if (before && (compare(entry, before) < 0 || isSame(entry, before))) return false;
    this.#know(entry);
    return true;
  }

  /** What stands there where it is proven that what was seen does not: the store has refused a write over it, and was read
   *  then. @param entry undefined: nothing stands there */
  correct(entry: LeaseEntry | undefined): void {
    if (!entry) this.#known = undefined;
    else if (!this.#known || !isSame(entry, this.#known.entry)) this.#know(entry);
  }

  isOwn({ holder, instance }: LeaseRecord): boolean {
    return holder === this.#options.name && instance === this.#options.instance;
  }

  /** Is what is known a record of this instance under this epoch? */
  stands(epoch: Epoch): boolean {
    const record = this.entry?.record;
    return record !== undefined && this.isOwn(record) && compareEpochs(epochOf(record), epoch) === 0;
  }

  /** Has another manager opened this epoch in the log, or anybody a higher one? Nothing can be done under it then. */
  isOvertaken(epoch: Epoch): boolean {
    const opened = this.#options.opened();
    if (!opened) return false;
    const order = compareEpochs(opened.epoch, epoch);
    return order > 0 || (order === 0 && opened.manager !== this.#options.name);
  }

  get nextEpoch(): Epoch {
    const generation = this.#options.generation();
    const highest = this.#highestEpoch;
    return { generation, counter: highest?.generation === generation ? highest.counter + 1 : 1 };
  }

  /** Until the authority raises the generation, or its word arrives here. */
  get isOutdated(): boolean {
    const generation = this.#options.generation();
    const highest = this.#highestEpoch;
    if (!highest || highest.generation < generation) return false;
    return highest.generation > generation || !this.entry || highest.counter >= Number.MAX_SAFE_INTEGER;
  }

  /** The room says that this manager is gone. @returns false if somebody else holds the lease */
  markGone(name: string, at: number): boolean {
    const record = this.entry?.record;
    if (record?.holder !== name) return false;
    this.#gone = { epoch: epochOf(record), at };
    return true;
  }

  /** On the monotonic clock; what has happened meanwhile shows in the compare-and-set. */
  takeAt(standbys: readonly string[]): number {
    if (this.isOutdated) return Number.POSITIVE_INFINITY;
    if (!this.#known) return Number.NEGATIVE_INFINITY;
    const { entry, seenAt } = this.#known;
    const { record } = entry;
    const { name, leaseMs, staggerMs } = this.#options;
    if (this.isOwn(record)) return Number.NEGATIVE_INFINITY;
    const rank = standbys.indexOf(name);
    const turn = (rank < 0 ? standbys.length : rank) * staggerMs;
    if (record.holder === undefined) {
      if (record.successor === name) return Number.NEGATIVE_INFINITY;
      return seenAt + turn + (record.successor === undefined ? 0 : SUCCESSOR_TURNS * staggerMs);
    }
    const end = seenAt + leaseMs;
    const gone = this.#gone && compareEpochs(this.#gone.epoch, epochOf(record)) === 0;
    return gone ? Math.min(end, this.#gone!.at + turn) : end;
  }

  get #highestEpoch(): Epoch | undefined {
    return higher(this.#highest, this.#options.opened()?.epoch);
  }

  #know(entry: LeaseEntry): void {
    this.#known = { entry, seenAt: this.#options.now() };
    this.#highest = higher(this.#highest, epochOf(entry.record));
  }
}

function higher(a: Epoch | undefined, b: Epoch | undefined): Epoch | undefined {
  if (!a || !b) return a ?? b;
  return compareEpochs(a, b) >= 0 ? a : b;
}

/** A store that was made anew counts from the beginning, under a higher generation. */
function compare(a: LeaseEntry, b: LeaseEntry): number {
  return a.record.generation - b.record.generation || a.revision - b.revision;
}

/** One that has lost its last writes counts on from those before: another record may have the same revision. */
function isSame(a: LeaseEntry, b: LeaseEntry): boolean {
  if (compare(a, b) !== 0) return false;
  return (['holder', 'instance', 'acquired', 'successor'] as const).every(
    (field) => a.record[field] === b.record[field],
  );
}
