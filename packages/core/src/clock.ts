/** Time enters through here, so that a simulation can drive it. */
export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01T00:00Z. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary start. Never goes back. */
  monotonic(): number;
  /** Calls back once after `ms` milliseconds of monotonic time; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
