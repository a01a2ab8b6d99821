/** For tests only: a clock that stands still until told. */
import { type Clock, type ErrorCode, Mom4cError } from '@mom4c/core';

export type FakeClock = Clock & { advance(ms: number): void; readonly timers: number };

/** Of 2026; both clocks move together, and each timer finds the time at which it is due. */
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
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
        if (!due) break;
        timers.delete(due);
        now = due.at;
        due.callback();
      }
      now = end;
    },
    get timers() {
      return timers.size;
    },
  };
}

/** For assert.throws and assert.rejects. */
export function isError(code: ErrorCode, detail?: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof Mom4cError && error.code === code && (detail?.test(error.detail ?? '') ?? true);
}
