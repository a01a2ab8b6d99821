import { Mom4cError } from '@mom4c/core';
import type { Clock } from '@mom4c/core';
import { RecentMap } from './recent-map.ts';

type Account = { left: number /** Monotonic. */; at: number };

const BURST = 10;
const PER_SECOND = 1;
const MAX_ASKERS = 10_000;

/**
 * Questions that go to the directory because of what somebody sent: ten at once, then one a second, of each sender. Whoever
 * signs under ever new serial numbers must neither keep the directory busy nor push out what is known of others.
 */
export class LookupBudget {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #accounts = new RecentMap<string, Account>(MAX_ASKERS);

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** @throws Mom4cError M4C_BUSY */
  spend(asker: string): void {
    const now = this.#clock.monotonic();
    const { left, at } = this.#accounts.get(asker) ?? { left: BURST, at: now };
    const has = Math.min(BURST, left + ((now - at) / 1000) * PER_SECOND);
    this.#accounts.set(asker, { left: has < 1 ? has : has - 1, at: now });
    if (has < 1) throw new Mom4cError('M4C_BUSY', 'too many signers of this sender are unknown');
  }
}
