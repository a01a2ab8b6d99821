/**
 * The journal of accepted commands: a SQLite file, then JetStream.
 *
 * INVARIANTS:
 *  - a row in the file is an accepted command; `accept` resolves only after the row is synced to the disk and, with a
 *    stream, after the stream has acknowledged it;
 *  - if the stream does not acknowledge, the row is deleted again before `accept` rejects;
 *  - `find` does not show a row before its `accept` has resolved;
 *  - an outcome is finished when it is synced to the disk; the stream gets its copy in the background, at the next start
 *    at the latest, and no row goes before that;
 *  - nothing is read back from the stream: who can write to it is not the manager;
 *  - a row that a crash left between the two is kept as accepted and published at the next start: its requester got no
 *    answer, sends the same id again, and learns that it is there.
 */
import {
  Mom4cError,
  systemClock,
  type Clock,
  type Journal,
  type JournalEntry,
  type Log,
  type Uuid,
} from '@mom4c/core';
import type { Bus } from './connection.ts';
import { openJournalFile, type JournalFile, type Write } from './journal-file.ts';
import { openJournalStream, type JournalStream } from './journal-stream.ts';
import { startOutcomePublisher } from './outcome-publisher.ts';

export type JournalOptions = {
  /** Made if missing, mode 0600. */
  readonly file: string;
  /** Without one, a commit to the file is all that `accept` waits for. */
  readonly jetstream?: { readonly bus: Bus; readonly stream: string; readonly replicas: 1 | 3 };
  readonly clock?: Clock;
  readonly log: Log;
};

type Waiting = { write: Write; done: (inserted: boolean) => void; failed: (error: unknown) => void };

const MAX_WAITING = 10_000;
const RETENTION_MS = 24 * 3_600_000;
const PURGE_EVERY_MS = 3_600_000;

/** @throws Mom4cError M4C_JOURNAL if the file cannot be opened, or the stream not be reached or made */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  let file: JournalFile | undefined;
  try {
    file = openJournalFile(options.file);
    const stream = options.jetstream && (await openJournalStream(options.jetstream));
    const clock = options.clock ?? systemClock;
    if (stream) await publishLeftovers(file, stream);
    return createJournal(file, stream, clock, options.log);
  } catch (error) {
    file?.close();
    throw journalError(error);
  }
}

/** For the file and stream that were opened; see openJournal. */
export function createJournal(
  file: JournalFile,
  stream: JournalStream | undefined,
  clock: Clock,
  log: Log,
): Journal {
  const commit = groupCommit(file);
  const outcomes = stream && startOutcomePublisher(file, stream, clock, log);
  /** Accepts in work, so that a repetition learns their outcome and not only that there is a row. */
  const accepting = new Map<Uuid, Promise<boolean>>();
  let closed = false;
  let cancelPurge = (): void => {};

  const purge = (): void => {
    try {
      file.purge(clock.now() - RETENTION_MS, stream ? 'published' : 'all');
    } catch (error) {
      log.error({ err: error }, 'journal: old entries cannot be deleted');
    }
    cancelPurge = clock.after(PURGE_EVERY_MS, purge);
  };
  purge();

  const acceptNew = async (entry: JournalEntry): Promise<boolean> => {
    if (!(await commit({ kind: 'accept', entry }))) return false;
    if (!stream) return true;
    try {
      await stream.accepted(entry);
    } catch (error) {
      await commit({ kind: 'withdraw', id: entry.id });
      throw error;
    }
    file.markPublished('accepted', entry.id);
    return true;
  };

  const guard = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    if (closed) throw new Mom4cError('M4C_JOURNAL', 'it is closed');
    try {
      return await work();
    } catch (error) {
      throw journalError(error);
    }
  };

  return {
    accept: (entry) =>
      guard(async () => {
        const earlier = accepting.get(entry.id);
        if (earlier) {
          await earlier;
          return false;
        }
        const work = acceptNew(entry).finally(() => accepting.delete(entry.id));
        accepting.set(entry.id, work);
        return await work;
      }),
    finish: (id, outcome) =>
      guard(async () => {
        const changed = await commit({ kind: 'finish', id, outcome, at: clock.now() });
        // Of several outcomes the first one stays.
        if (changed) outcomes?.add(id);
        else if (file.find(id)?.state !== 'finished')
          throw new Mom4cError('M4C_JOURNAL', `no accepted command ${id}`);
      }),
    find: (id) =>
      guard(async () => {
        // Its caller learns why it failed; here only the row counts.
        await accepting.get(id)?.catch(() => {});
        return file.find(id);
      }),
    unfinished: () => guard(async () => file.unfinished()),
    async close() {
      closed = true;
      cancelPurge();
      await Promise.allSettled(accepting.values());
      await outcomes?.close();
      file.close();
    },
  };
}

/** Whatever is asked for in one turn of the event loop shares one transaction, and so one sync of the disk. */
function groupCommit(file: JournalFile): (write: Write) => Promise<boolean> {
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const group = waiting;
    waiting = [];
    try {
      const inserted = file.commit(group.map((item) => item.write));
      for (const [i, item] of group.entries()) item.done(inserted[i]!);
    } catch (error) {
      for (const item of group) item.failed(error);
    }
  };
  return (write) =>
    new Promise((done, failed) => {
      if (waiting.length >= MAX_WAITING) throw new Mom4cError('M4C_JOURNAL', 'too much to write');
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ write, done, failed });
    });
}

async function publishLeftovers(file: JournalFile, stream: JournalStream): Promise<void> {
  for (const entry of file.unpublished()) {
    await stream.accepted(entry);
    file.markPublished('accepted', entry.id);
  }
}

function journalError(error: unknown): Mom4cError {
  if (error instanceof Mom4cError) return error;
  return new Mom4cError('M4C_JOURNAL', reasonOf(error).slice(0, 100), { cause: error });
}

/** SQLite and NATS say it in words, the file system in a code beside a path that is nobody else's business. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || code === 'ERR_SQLITE_ERROR' ? error.message : code;
}
