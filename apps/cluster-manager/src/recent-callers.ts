/** Who has asked for something a short while ago, by what the journal says: whoever takes over shows itself to them. */
import type { Clock, FullJid, JournalEntry } from '@mom4c/core';

/** Whoever has asked for nothing for longer hears of a new manager when it asks. */
const RECENT_MS = 60_000;
/** A take-over is no time for more. */
const MAX_CALLERS = 100;

export class RecentCallers {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** When each was heard, on the monotonic clock; the latest last. */
  readonly #heardAt = new Map<FullJid, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  accepted({ requester }: Pick<JournalEntry, 'requester'>): void {
    this.#heardAt.delete(requester);
    this.#heardAt.set(requester, this.#clock.monotonic());
    const [oldest] = this.#heardAt.keys();
    if (this.#heardAt.size > MAX_CALLERS) this.#heardAt.delete(oldest!);
  }

  /** The latest last. */
  list(): readonly FullJid[] {
    const since = this.#clock.monotonic() - RECENT_MS;
    return [...this.#heardAt].filter(([, at]) => at >= since).map(([caller]) => caller);
  }
}
