/** Time that a test moves, and no chance at all. */
import type { Clock, Random } from '@mom4c/core';

export class FakeTime implements Clock {
  #time = 1000;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  /** The wall clock began with the other one. */
  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#time + Math.max(0, ms), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Whatever is due comes in order. */
  pass(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#time = Math.max(this.#time, next.at);
      next.callback();
    }
    this.#time = end;
  }

  /** As SIGSTOP and SIGCONT do: time has passed, and no timer has fired yet. */
  sleep(ms: number): void {
    this.#time += ms;
  }
}

export const zeroes: Random = { bytes: (count) => new Uint8Array(count) };
