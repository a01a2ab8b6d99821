import type { Random } from './random.ts';

export type Backoff = {
  /** Milliseconds to wait before the next try: evenly drawn between 0 and the current ceiling, which doubles. */
  next(): number;
  /** After a success: start again at `baseMs`. */
  reset(): void;
};

/** Exponential back-off with full jitter, so that many nodes that lost one server do not return in step. */
export function jitteredBackoff(options: { baseMs: number; capMs: number; random: Random }): Backoff {
  let ceiling = options.baseMs;
  return {
    next() {
      const wait = fraction(options.random) * Math.min(ceiling, options.capMs);
      ceiling = Math.min(ceiling * 2, options.capMs);
      return Math.round(wait);
    },
    reset() {
      ceiling = options.baseMs;
    },
  };
}

/** From 0 up to, but not including, 1. */
function fraction(random: Random): number {
  return Buffer.from(random.bytes(4)).readUInt32BE(0) / 2 ** 32;
}
