/** For tests only: a clock that stands still until told. */
import { type Clock, type ErrorCode, Mom4cError } from '@mom4c/core';

export type FakeClock = Clock & { advance(ms: number): void };

/** Of 2026; both clocks move together. */
export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, callback) {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      now += ms;
      for (const timer of [...timers].filter(({ at }) => at <= now))
        if (timers.delete(timer)) timer.callback();
    },
  };
}

/** For assert.throws and assert.rejects. */
export function isError(code: ErrorCode, detail?: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof Mom4cError && error.code === code && (detail?.test(error.detail ?? '') ?? true);
}
