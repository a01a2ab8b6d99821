/**
 * Applies the log to the own file: every record, in the order of the stream, once.
 *
 * INVARIANTS:
 *  - where to go on is what the file says, and only if the message there is the one that was applied: a stream that was
 *    made anew, or lost its tail in a power cut, is applied from where the two part;
 *  - a record that is not to be believed changes nothing and is stepped over; one of which that is not known now is waited
 *    for, and everything behind it;
 *  - nothing is reported before it is on the disk.
 */
import {
  jitteredBackoff,
  Mom4cError,
  pause,
  systemRandom,
  type Clock,
  type JournalRecords,
  type Log,
} from '@mom4c/core';
import type { Applied, JournalFile, Logged } from './journal-file.ts';
import type { JournalStream } from './journal-stream.ts';
import type { StreamMessage, StreamNow } from './stream-follower.ts';

export type JournalLogOptions = {
  readonly file: JournalFile;
  readonly stream: JournalStream;
  readonly records: JournalRecords;
  readonly commit: <Value>(work: () => Value) => Promise<Value>;
  readonly clock: Clock;
  readonly log: Log;
  /** In order, each once it is on the disk. */
  onApplied(applied: readonly Applied[], octets: number): void;
  /** Everything that the stream holds is applied: once after each beginning. */
  onCaughtUp(): void;
  onLag(lag: number | undefined): void;
};

export type JournalLog = {
  readonly lag: number | undefined;
  /** Messages that were no records to believe. */
  readonly skipped: number;
  /** Resolves once this message is applied. @throws Mom4cError M4C_JOURNAL if it will not come: see `close` and a new stream */
  applied(sequence: number): Promise<void>;
  close(): Promise<void>;
};

/** Verified together, and written in one transaction. */
const BATCH = 128;
const MAX_WAITING = 4 * BATCH;
const RETRY = { baseMs: 200, capMs: 5000 };
/** Whether to believe it is not known now. */
const LATER: ReadonlySet<unknown> = new Set(['M4C_DIRECTORY_UNREACHABLE', 'M4C_BUSY']);
/** Of two clocks' roundings. */
const SAME_MS = 1;

export function followLog(options: JournalLogOptions): JournalLog {
  const { file, stream, records, clock, log } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const backoff = jitteredBackoff({ ...RETRY, random: systemRandom });
  let { applied } = file.position();
  /** The last message that is known of. */
  let end = applied;
  let following = false;
  let begun = false;
  let caughtUp = false;
  let skipped = 0;
  let told: number | undefined;
  const waiting: StreamMessage[] = [];
  let applying: Promise<void> | undefined;
  const waiters = new Map<PromiseWithResolvers<void>, number>();

  const lag = (): number | undefined => (following ? Math.max(0, end - applied) : undefined);
  const tell = (): void => {
    for (const [waiter, sequence] of waiters) {
      if (sequence > applied) continue;
      waiters.delete(waiter);
      waiter.resolve();
    }
    const now = lag();
    if (now !== told) {
      told = now;
      options.onLag(now);
    }
    if (now !== 0 || caughtUp) return;
    caughtUp = true;
    options.onCaughtUp();
  };
  const giveUp = (reason: string): void => {
    for (const waiter of waiters.keys()) waiter.reject(new Mom4cError('M4C_JOURNAL', reason));
    waiters.clear();
  };

  /** The latest message that was applied and is there still. */
  const lastShared = async ({ created, first, last }: StreamNow): Promise<number> => {
    const known = file.position();
    if (known.created !== created) return 0;
    for (const { sequence, time } of file.marks()) {
      if (sequence < first) return sequence;
      const there = sequence <= last ? await stream.timeOf(sequence) : undefined;
      if (there !== undefined && Math.abs(there - time) <= SAME_MS) return sequence;
    }
    return 0;
  };

  const begin = async (now: StreamNow): Promise<number> => {
    await applying;
    const known = file.position();
    const shared = await lastShared(now);
    const moved = known.created !== now.created || shared !== (file.marks()[0]?.sequence ?? 0);
    const reached = moved ? shared : known.applied;
    // What is waited for before the first beginning was appended to this very stream.
    if (moved && begun) giveUp('the log was made anew');
    begun = true;
    if (moved && known.created !== '')
      log.warn(
        { applied: known.applied, from: shared, last: now.last },
        'journal: the log is another than it was',
      );
    else if (known.created !== '' && reached + 1 < now.first)
      log.warn(
        { applied: reached, first: now.first },
        'journal: the log begins behind what was applied of it',
      );
    const from = Math.max(reached, now.first - 1, 0);
    await options.commit(() => {
      if (moved) file.rewind(now.created, shared);
      file.skipTo(from);
    });
    applied = from;
    end = now.last;
    following = true;
    caughtUp = false;
    tell();
    return from + 1;
  };

  const open = async ({ sequence, time, data }: StreamMessage): Promise<Logged & { code?: unknown }> => {
    for (;;) {
      try {
        return { sequence, time, record: await records.open(data) };
      } catch (error) {
        const { code } = error as Partial<Mom4cError>;
        if (!LATER.has(code)) return { sequence, time, record: undefined, code: code ?? String(error) };
        log.warn({ code, sequence }, 'journal: the log waits until the signer of a record can be looked up');
        await pause(backoff.next(), clock, signal);
        signal.throwIfAborted();
      }
    }
  };

  const apply = async (batch: readonly StreamMessage[]): Promise<void> => {
    const opened = await Promise.all(batch.map(open));
    const unbelievable = opened.filter(({ record }) => record === undefined);
    if (unbelievable.length > 0) {
      skipped += unbelievable.length;
      const [{ sequence, code }] = unbelievable as [(typeof unbelievable)[0]];
      log.warn(
        { sequence, code, records: unbelievable.length, skipped },
        'journal: records are not to be believed',
      );
    }
    const changes = await options.commit(() => file.apply(opened));
    applied = batch.at(-1)!.sequence;
    backoff.reset();
    options.onApplied(
      changes,
      batch.reduce((sum, { data }) => sum + data.length, 0),
    );
    tell();
  };

  const applyAll = async (): Promise<void> => {
    while (waiting.length > 0 && !signal.aborted) {
      try {
        const batch = waiting.slice(0, BATCH);
        await apply(batch);
        waiting.splice(0, batch.length);
      } catch (error) {
        if (signal.aborted) return;
        log.error({ err: error }, 'journal: the log cannot be applied');
        await pause(backoff.next(), clock, signal);
      }
    }
  };

  const startApplying = (): void => {
    applying ??= applyAll().finally(() => {
      applying = undefined;
      if (waiting.length > 0 && !signal.aborted) startApplying();
    });
  };

  const follower = stream.follow({
    begin,
    async onMessage(message) {
      end = Math.max(end, message.sequence + message.pending);
      waiting.push(message);
      tell();
      startApplying();
      if (waiting.length >= MAX_WAITING) await applying;
    },
    onLost() {
      following = false;
      tell();
    },
  });

  return {
    get lag() {
      return lag();
    },
    get skipped() {
      return skipped;
    },
    applied(sequence) {
      if (sequence <= applied) return Promise.resolve();
      const waiter = Promise.withResolvers<void>();
      waiters.set(waiter, sequence);
      return waiter.promise;
    },
    async close() {
      closing.abort();
      giveUp('it is closed');
      await follower.close();
      await applying;
    },
  };
}
