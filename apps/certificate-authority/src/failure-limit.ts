import type { Clock } from '@mom4c/core';

/** Failures by address within a window of time: who has too many is not heard until the window ends. Bounded. */
export class FailureLimit {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #failures = new Map<string, { count: number; readonly until: number }>();

  static readonly MAX_FAILURES = 30;
  static readonly WINDOW_MS = 60_000;
  static readonly MAX_ADDRESSES = 10_000;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  isBlocked(address: string): boolean {
    const entry = this.#failures.get(address);
    return (
      entry !== undefined && entry.count >= FailureLimit.MAX_FAILURES && this.#clock.monotonic() < entry.until
    );
  }

  fail(address: string): void {
    const entry = this.#failures.get(address);
    const now = this.#clock.monotonic();
    if (entry && now < entry.until) {
      entry.count += 1;
      return;
    }
    this.#failures.delete(address);
    // In the order in which windows began: the first is the oldest.
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= FailureLimit.MAX_ADDRESSES && oldest !== undefined)
      this.#failures.delete(oldest);
    this.#failures.set(address, { count: 1, until: now + FailureLimit.WINDOW_MS });
  }
}
