/**
 * The journal of accepted commands: a SQLite file, and the log that all managers of the domain share (ADR 25).
 *
 * INVARIANTS:
 *  - `accept` resolves only after the entry is synced to the own disk and the stream has acknowledged it; what it does not
 *    acknowledge is taken back before `accept` rejects, unless the log has shown it by then: it is adopted then;
 *  - `find` does not show an entry before its `accept` has resolved;
 *  - `finish` resolves only after the log has the outcome, under an epoch that is open: nobody whom one tells it then
 *    can be told another one. A proposal waits in the file, over restarts, until the log has some outcome;
 *  - an entry that a crash left in the file alone goes into the log at the next start: its requester got no answer, sends
 *    the same id again, and learns that it is there.
 */
import {
  compareEpochs,
  isOpen,
  jitteredBackoff,
  Mom4cError,
  systemClock,
  systemRandom,
  uuidv7,
  type Clock,
  type Epoch,
  type JournalEntry,
  type JournalRecords,
  type Log,
  type SharedJournal,
  type Uuid,
} from '@mom4c/core';
import type { Bus } from './connection.ts';
import { groupCommit } from './group-commit.ts';
import { openJournalFile, type Applied, type JournalFile } from './journal-file.ts';
import { followLog } from './journal-log.ts';
import { MAX_STREAM_BYTES, openJournalStream, type JournalStream } from './journal-stream.ts';
import { startOutcomePublisher } from './outcome-publisher.ts';

export type JournalOptions = {
  /** Made if missing, mode 0600. */
  readonly file: string;
  readonly jetstream: { readonly bus: Bus; readonly stream: string; readonly replicas: 1 | 3 };
  readonly records: JournalRecords;
  readonly clock?: Clock;
  readonly log: Log;
};

/** With what only an operator wants to know. */
export type FollowedJournal = SharedJournal & {
  /** Messages of the stream that were no records of a manager. */
  readonly skipped: number;
  /** Calls back with each entry that the log shows for the first time, whoever has accepted it. */
  onAccepted(listener: (entry: JournalEntry) => void): () => void;
  /** Calls back whenever the own file could not be written: another manager can. The stream is nobody's own. */
  onFileFault(listener: () => void): () => void;
};

export type JournalParts = {
  readonly file: JournalFile;
  readonly stream: JournalStream;
  readonly records: JournalRecords;
  readonly clock: Clock;
  readonly log: Log;
};

const RETENTION_MS = 24 * 3_600_000;
/** What the log never got is kept for as long as the stream would have kept it. */
const RETENTION_UNLOGGED_MS = 7 * RETENTION_MS;
const PURGE_EVERY_MS = 3_600_000;
/** Until what was appended is applied here, too. */
const FOLLOW_LIMIT_MS = 3000;
const RETRY = { baseMs: 500, capMs: 30_000 };
/** The stream forgets its oldest messages; who comes new must find in it who leads. */
const LEAD_AGAIN_OCTETS = MAX_STREAM_BYTES / 4;
const LEAD_AGAIN_MS = 24 * 3_600_000;

/** @throws Mom4cError M4C_JOURNAL if the file cannot be opened, or the stream not be reached or made; M4C_NO_QUORUM */
export async function openJournal(options: JournalOptions): Promise<FollowedJournal> {
  const { clock = systemClock, records, log } = options;
  let file: JournalFile | undefined;
  try {
    file = openJournalFile(options.file);
    const stream = await openJournalStream({ ...options.jetstream, clock, log });
    return createJournal({ file, stream, records, clock, log });
  } catch (error) {
    file?.close();
    throw journalError(error);
  }
}

/** For the file and stream that were opened; see openJournal. */
export function createJournal(parts: JournalParts): FollowedJournal {
  const { file, stream, records, clock, log } = parts;
  const { manager } = records;
  const faultListeners = new Set<() => void>();
  const acceptedListeners = new Set<(entry: JournalEntry) => void>();
  const commit = groupCommit(file, () => {
    for (const listener of faultListeners) listener();
  });
  /** Accepts in work, so that a repetition learns their outcome and not only that there is a row. */
  const accepting = new Map<Uuid, Promise<boolean>>();
  const adopters = new Set<(entry: JournalEntry) => void>();
  const lagListeners = new Set<(lag: number | undefined) => void>();
  const backoff = jitteredBackoff({ ...RETRY, random: systemRandom });
  let { led } = file.position();
  /** The epoch that `lead` has opened. */
  let own: Epoch | undefined;
  let octetsSinceLead = 0;
  let ledAt = 0;
  let closed = false;
  let cancelPurge = (): void => {};
  let cancelMend: (() => void) | undefined;
  let mending: Promise<void> | undefined;

  const leads = (): boolean => isOpen(led, own, manager);
  const newId = (): string => uuidv7(clock, systemRandom);
  const adopt = (id: Uuid): void => {
    const found = file.find(id);
    if (!leads() || found?.state !== 'accepted' || !file.isLogged(id)) return;
    for (const listener of adopters) listener(found.entry);
  };

  const onApplied = (applied: readonly Applied[], octets: number): void => {
    octetsSinceLead += octets;
    for (const { change, fresh } of applied) {
      if (change.kind === 'led') {
        ({ led } = change);
        if (!leads()) outcomes.depose();
      } else if (change.kind === 'accepted') {
        if (fresh) adopt(change.entry.id);
        for (const listener of acceptedListeners) listener(change.entry);
      }
    }
    if (octetsSinceLead >= LEAD_AGAIN_OCTETS) leadAgain();
  };
  const appendLead = async (epoch: Epoch): Promise<number> => {
    octetsSinceLead = 0;
    ledAt = clock.monotonic();
    const octets = await records.sign({ kind: 'lead', manager, epoch });
    return (await stream.append('lead', newId(), octets)).sequence;
  };
  const leadAgain = (): void => {
    if (!led || !leads() || closed) return;
    appendLead(led.epoch).catch((error: unknown) =>
      log.warn({ err: error }, 'journal: the log could not be told again who leads'),
    );
  };
  const appendAccepted = async (entry: JournalEntry, epoch: Epoch, id = `accepted:${entry.id}`) =>
    await stream.append('accepted', id, await records.sign({ kind: 'accepted', manager, epoch, entry }));

  /** What the file has as unfinished and the log does not. */
  const appendLeftovers = async (): Promise<void> => {
    for (const { entry, epoch } of file.unlogged())
      if (!closed && !accepting.has(entry.id)) await appendAccepted(entry, epoch);
  };
  const mend = (): void => {
    if (closed || mending) return;
    cancelMend?.();
    cancelMend = undefined;
    mending = appendLeftovers()
      .then(
        () => backoff.reset(),
        (error: unknown) => {
          if (closed) return;
          log.warn({ err: error }, 'journal: what the log lacks cannot be appended');
          cancelMend = clock.after(backoff.next(), mend);
        },
      )
      .finally(() => {
        mending = undefined;
      });
  };

  const followed = followLog({
    ...parts,
    commit,
    onApplied,
    onCaughtUp() {
      mend();
      if (!leads()) return;
      leadAgain();
      outcomes.addAll(file.undecided());
    },
    onLag(lag) {
      for (const listener of lagListeners) listener(lag);
    },
  });
  const outcomes = startOutcomePublisher({
    publish: async (id, attempt) => {
      const outcome = file.proposalOf(id);
      if (!own || !outcome) return file.find(id)?.state === 'finished';
      const octets = await records.sign({ kind: 'finished', manager, epoch: own, id, outcome });
      const messageId = `finished:${id}:${own.generation}.${own.counter}:${attempt}`;
      const { sequence } = await stream.append('finished', messageId, octets);
      await followed.applied(sequence);
      return file.find(id)?.state === 'finished';
    },
    leads,
    clock,
    log,
  });

  const purge = (): void => {
    const now = clock.now();
    try {
      file.purge(now - RETENTION_MS, now - RETENTION_UNLOGGED_MS);
    } catch (error) {
      log.error({ err: error }, 'journal: old entries cannot be deleted');
    }
    if (clock.monotonic() - ledAt >= LEAD_AGAIN_MS) leadAgain();
    cancelPurge = clock.after(PURGE_EVERY_MS, purge);
  };
  purge();

  /** @throws Mom4cError M4C_JOURNAL if that takes too long */
  const appliedSoon = async (sequence: number): Promise<void> => {
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(FOLLOW_LIMIT_MS, () =>
      late.reject(new Mom4cError('M4C_JOURNAL', 'the log cannot be followed')),
    );
    await Promise.race([followed.applied(sequence), late.promise]).finally(cancel);
  };
  const acceptNew = async (entry: JournalEntry, epoch: Epoch): Promise<boolean> => {
    if (!(await commit(() => file.add(entry, epoch)))) return false;
    try {
      let appended = await appendAccepted(entry, epoch);
      if (!appended.duplicate) return true;
      // Another manager's, or our own whose acknowledgement was lost: the log decides.
      await appliedSoon(appended.sequence);
      if (!file.isLogged(entry.id)) {
        // Under this id stands something else, which is not to be believed.
        appended = await appendAccepted(entry, epoch, `accepted:${entry.id}:${newId()}`);
        return !appended.duplicate;
      }
    } catch (error) {
      if (!(await commit(() => file.withdraw(entry.id)))) adopt(entry.id);
      throw error;
    }
    adopt(entry.id);
    return false;
  };

  const guard = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    if (closed) throw new Mom4cError('M4C_JOURNAL', 'it is closed');
    try {
      return await work();
    } catch (error) {
      throw journalError(error);
    }
  };
  const openEpoch = (): Epoch => {
    if (!own || !leads()) throw new Mom4cError('M4C_EPOCH');
    return own;
  };

  return {
    accept: (entry) =>
      guard(async () => {
        const epoch = openEpoch();
        const earlier = accepting.get(entry.id);
        if (earlier) {
          await earlier;
          return false;
        }
        const work = acceptNew(entry, epoch).finally(() => accepting.delete(entry.id));
        accepting.set(entry.id, work);
        return await work;
      }),
    finish: (id, outcome) =>
      guard(async () => {
        openEpoch();
        const found = file.find(id);
        if (!found) throw new Mom4cError('M4C_JOURNAL', `no accepted command ${id}`);
        // Of several outcomes the first one stays.
        if (found.state === 'finished') return;
        await commit(() => file.propose(id, outcome));
        await outcomes.add(id);
      }),
    find: (id) =>
      guard(async () => {
        // Who repeats a request hears what becomes of it, and does not begin it anew behind it.
        await accepting.get(id);
        return file.find(id);
      }),
    unfinished: () => guard(async () => file.unfinished()),
    lead: (epoch) =>
      guard(async () => {
        if (led && compareEpochs(epoch, led.epoch) < 0) throw new Mom4cError('M4C_EPOCH');
        await mending;
        await appendLeftovers();
        await followed.applied(await appendLead(epoch));
        if (!isOpen(led, epoch, manager)) throw new Mom4cError('M4C_EPOCH');
        own = epoch;
        outcomes.addAll(file.undecided());
      }),
    onAdopted(listener) {
      adopters.add(listener);
      return () => adopters.delete(listener);
    },
    get led() {
      return led;
    },
    get lag() {
      return followed.lag;
    },
    onLag(listener) {
      lagListeners.add(listener);
      return () => lagListeners.delete(listener);
    },
    get skipped() {
      return followed.skipped;
    },
    onAccepted(listener) {
      acceptedListeners.add(listener);
      return () => acceptedListeners.delete(listener);
    },
    onFileFault(listener) {
      faultListeners.add(listener);
      return () => faultListeners.delete(listener);
    },
    async close() {
      if (closed) return;
      closed = true;
      faultListeners.clear();
      cancelPurge();
      cancelMend?.();
      await Promise.allSettled(accepting.values());
      await followed.close();
      await outcomes.close();
      await mending;
      // Whatever was begun is written.
      await commit(() => undefined);
      file.close();
    },
  };
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
