/** Copies outcomes to the stream in the background, so that nobody who waits for one waits for the stream. */
import { jitteredBackoff, systemRandom, type Clock, type Log, type Uuid } from '@mom4c/core';
import type { JournalFile } from './journal-file.ts';
import type { JournalStream } from './journal-stream.ts';

export type OutcomePublisher = {
  /** Of a command that the file has as finished. */
  add(id: Uuid): void;
  /** Waits for the one that is being sent; the rest stays in the file for the next start. */
  close(): Promise<void>;
};

const RETRY = { baseMs: 1000, capMs: 60_000 };

/** Begins with what the file has as unpublished. */
export function startOutcomePublisher(
  file: JournalFile,
  stream: JournalStream,
  clock: Clock,
  log: Log,
): OutcomePublisher {
  const backoff = jitteredBackoff({ ...RETRY, random: systemRandom });
  /** Ids only: outcomes can be large, and they are in the file. */
  const waiting = new Set<Uuid>(file.unpublishedOutcomes());
  let publishing: Promise<void> | undefined;
  let cancelRetry: (() => void) | undefined;
  let closed = false;

  const publishAll = async (): Promise<void> => {
    for (const id of waiting) {
      if (closed) return;
      // One that the stream does not take must not hold up the others.
      waiting.delete(id);
      try {
        const known = file.find(id);
        if (known?.state !== 'finished') continue;
        await stream.finished(id, known.outcome);
        file.markPublished('finished', id);
        backoff.reset();
      } catch (error) {
        waiting.add(id);
        log.warn({ err: error, waiting: waiting.size }, 'journal: outcomes wait for the stream');
        retryLater();
        return;
      }
    }
  };
  const work = (): void => {
    if (closed || publishing || cancelRetry) return;
    publishing = publishAll().finally(() => {
      publishing = undefined;
      // Added after the last one was taken.
      if (!cancelRetry && waiting.size > 0) work();
    });
  };
  const retryLater = (): void => {
    if (closed) return;
    cancelRetry = clock.after(backoff.next(), () => {
      cancelRetry = undefined;
      work();
    });
  };

  work();
  return {
    add(id) {
      waiting.add(id);
      work();
    },
    async close() {
      closed = true;
      cancelRetry?.();
      await publishing;
    },
  };
}
