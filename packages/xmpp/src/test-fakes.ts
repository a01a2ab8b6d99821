/** For tests only: a clock that stands still until told, counted randomness, a log that remembers. */
import { Mom4cError, type Clock, type ErrorCode, type Log, type Random } from '@mom4c/core';

export type FakeClock = Clock & { advance(ms: number): void };

export function fakeClock(): FakeClock {
  let now = 0;
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
  };
}

export function countingRandom(): Random {
  let next = 0;
  return {
    bytes(count) {
      const octets = Buffer.alloc(count);
      octets.writeUInt32BE((next += 1), count - 4);
      return octets;
    },
  };
}

export type LogLine = { readonly level: keyof Log; readonly fields: object; readonly message: string };

export function rememberingLog(): Log & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: keyof Log) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** For assert.throws and assert.rejects. */
export function isError(code: ErrorCode, detail?: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof Mom4cError &&
    error.code === code &&
    (detail === undefined || detail.test(error.detail ?? ''));
}
