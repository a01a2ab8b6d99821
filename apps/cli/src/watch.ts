/**
 * The same question again and again.
 *
 * INVARIANTS:
 * - One question at a time: what takes longer than the interval makes the next one late, never a second one.
 * - What may pass (the manager restarts, the connection is lost) is stated once and waited for; what will not pass ends it.
 * - The exit code is that of the last answer, or of the last trouble if that came later.
 */
import { Mom4cError, pause } from '@mom4c/core';
import type { Clock, ErrorCode } from '@mom4c/core';

export type Watch = {
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Ends it; with a Mom4cError as its reason, by throwing that. */
  readonly signal: AbortSignal;
  /** Asks and shows. @returns the exit code that this answer amounts to */
  readonly ask: () => Promise<number>;
  /** Told once per kind, until there is an answer again. */
  readonly trouble: (error: Mom4cError) => void;
};

/** @returns the exit code. @throws Mom4cError what will not pass by itself */
export async function watch({ intervalMs, clock, signal, ask, trouble }: Watch): Promise<number> {
  let exitCode: number | undefined;
  let told: ErrorCode | undefined;
  while (!signal.aborted) {
    const begun = clock.monotonic();
    try {
      exitCode = await ask();
      told = undefined;
    } catch (thrown) {
      if (signal.aborted) break;
      if (!(thrown instanceof Mom4cError) || !thrown.retryable) throw thrown;
      exitCode = thrown.entry.exit;
      if (told !== thrown.code) trouble(thrown);
      told = thrown.code;
    }
    await pause(Math.max(0, begun + intervalMs - clock.monotonic()), clock, signal);
  }
  if (signal.reason instanceof Mom4cError) throw signal.reason;
  if (exitCode === undefined) throw new Mom4cError('M4C_STOPPED');
  return exitCode;
}
