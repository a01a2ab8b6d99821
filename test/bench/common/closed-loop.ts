/** Closed loops: as many as requests are to be in flight, each asks again when it has its answer. */
import { Mom4cError } from '@mom4c/core';

/** One point of a curve: `inFlight` requests at any time for `seconds`, each with a new one behind it. */
export type Load = { readonly inFlight: number; readonly seconds: number };

export type Measured = {
  readonly seconds: number;
  /** Milliseconds, sorted. */
  readonly latencies: readonly number[];
  /** By error code. */
  readonly errors: Readonly<Record<string, number>>;
};

export async function measure({ inFlight, seconds }: Load, ask: () => Promise<void>): Promise<Measured> {
  const latencies: number[] = [];
  const errors: Record<string, number> = {};
  const begun = performance.now();
  const end = begun + seconds * 1000;
  const user = async (): Promise<void> => {
    for (let sent = performance.now(); sent < end; sent = performance.now()) {
      try {
        await ask();
        latencies.push(performance.now() - sent);
      } catch (thrown) {
        const code = thrown instanceof Mom4cError ? thrown.code : String(thrown);
        errors[code] = (errors[code] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, user));
  return {
    seconds: (performance.now() - begun) / 1000,
    latencies: latencies.toSorted((a, b) => a - b),
    errors,
  };
}
