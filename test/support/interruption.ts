/**
 * Benchmarks and long tests run for minutes at somebody's terminal, and the servers that they start outlive them: whoever
 * interrupts one finds nothing left.
 */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const interruption = new AbortController();
const ends = new Set<() => Promise<void>>();

/** Aborted by the first signal: what fails from then on fails because of that. */
export const interrupted: AbortSignal = interruption.signal;

/** @param end takes down what was started; all of them are called by the first signal, and then the process ends.
 *  @returns forgets it */
export function endIfInterrupted(end: () => Promise<void>): () => void {
  if (ends.size === 0) for (const signal of SIGNALS) process.on(signal, onSignal);
  ends.add(end);
  return () => {
    ends.delete(end);
    if (ends.size === 0) for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}

function onSignal(signal: (typeof SIGNALS)[number]): void {
  void endAll(signal);
}

async function endAll(signal: (typeof SIGNALS)[number]): Promise<void> {
  if (interrupted.aborted) return;
  console.error(`${signal}: everything is taken down`);
  for (const fault of ['uncaughtException', 'unhandledRejection']) process.on(fault, () => {});
  interruption.abort();
  const ended = await Promise.allSettled([...ends].map((end) => end()));
  for (const one of ended) if (one.status === 'rejected') console.error(one.reason);
  process.exit(128 + constants.signals[signal]);
}
