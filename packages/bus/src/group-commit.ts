import { Mom4cError } from '@mom4c/core';
import type { JournalFile } from './journal-file.ts';

type Waiting = { work: () => unknown; done: (value: never) => void; failed: (error: unknown) => void };

const MAX_WAITING = 10_000;

/** Whatever is asked for in one turn of the event loop shares one transaction, and so one sync of the disk.
 *  @param onFault called for each transaction that failed */
export function groupCommit(
  file: Pick<JournalFile, 'transaction'>,
  onFault: () => void,
): <Value>(work: () => Value) => Promise<Value> {
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const group = waiting;
    waiting = [];
    try {
      const values = file.transaction(() => group.map(({ work }) => work()));
      for (const [i, item] of group.entries()) item.done(values[i] as never);
    } catch (error) {
      for (const item of group) item.failed(error);
      onFault();
    }
  };
  return (work) =>
    new Promise((done, failed) => {
      if (waiting.length >= MAX_WAITING) throw new Mom4cError('M4C_JOURNAL', 'too much to write');
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ work, done, failed });
    });
}
