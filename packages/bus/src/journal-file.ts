/**
 * The file under the journal: SQLite in WAL mode, synced at each commit. Calls block for as long as the disk does.
 *
 * INVARIANTS:
 *  - what the log has changed and how far it was applied are written in one transaction;
 *  - an outcome stands in `outcome` only if the log has it; before that it is a proposal, and nobody is told;
 *  - a row that the log does not have yet takes the content of the record that the log has first.
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { changeBy, type Epoch, type JournalEntry, type JournalRecord, type JournalState } from '@mom4c/core';
import type { Led, LogChange, Uuid } from '@mom4c/core';
import { prepareSchema } from './journal-schema.ts';

/** One message of the stream; without a record it changes nothing. */
export type Logged = {
  readonly sequence: number;
  /** Unix milliseconds, of the server. */
  readonly time: number;
  readonly record: JournalRecord | undefined;
};

export type Applied = {
  readonly change: LogChange;
  /** Of `accepted`: had this file no row of it? */
  readonly fresh: boolean;
};

export type Mark = { readonly sequence: number; readonly time: number };

export type JournalFile = {
  /** All or nothing, on the disk when it returns. What follows may be called outside of one if it only reads. */
  transaction<Value>(work: () => Value): Value;
  /** Adds an entry that the log does not have. @returns false if there is one */
  add(entry: JournalEntry, epoch: Epoch): boolean;
  /** @returns false if the log has it by now, or it is not there */
  withdraw(id: Uuid): boolean;
  /** The first proposal stays. */
  propose(id: Uuid, outcome: Uint8Array): void;
  apply(logged: readonly Logged[]): Applied[];
  find(id: Uuid): JournalState | undefined;
  isLogged(id: Uuid): boolean;
  /** In the log and with neither an outcome nor a proposal, oldest first. */
  unfinished(): JournalEntry[];
  /** Without an outcome, and not in the log; oldest first. */
  unlogged(): { entry: JournalEntry; epoch: Epoch }[];
  /** Their outcome is not in the log. */
  undecided(): Uuid[];
  proposalOf(id: Uuid): Uint8Array | undefined;
  position(): { created: string; applied: number; led: Led | undefined };
  /** Messages that were applied, newest first. */
  marks(): Mark[];
  /** What is behind this sequence is not in the log any more. */
  rewind(created: string, applied: number): void;
  /** Nothing up to this sequence will be applied any more. */
  skipTo(sequence: number): void;
  /** Deletes what finished before this time and is in the log, and what finished before the other one. */
  purge(logged: number, all: number): void;
  close(): void;
};

/** One each so often, for as long as a server may hold back what it syncs. */
const MARK_EVERY_MS = 10_000;
const MARKS = 200;

type Row = {
  id: string;
  command: string;
  requester: string;
  accepted_at: number;
  deadline: number;
  evidence: Uint8Array;
  targets: string;
  generation: number;
  counter: number;
  sequence: number | null;
  proposal: Uint8Array | null;
  outcome: Uint8Array | null;
};
type LogRow = { created: string; applied: number } & (
  | { generation: number; counter: number; manager: string }
  | { generation: null }
);

export function openJournalFile(path: string): JournalFile {
  // SQLite would make it readable for all; its WAL takes over the mode.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: 1000 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    prepareSchema(database);
    return wrap(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

const COLUMNS =
  'id, command, requester, accepted_at, deadline, evidence, targets, generation, counter, sequence';

function statements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  const insert = `INTO entries (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  return {
    add: prepare(`INSERT OR IGNORE ${insert}`),
    log: prepare(`INSERT OR REPLACE ${insert}`),
    withdraw: prepare('DELETE FROM entries WHERE id = ? AND sequence IS NULL AND outcome IS NULL'),
    propose: prepare('UPDATE entries SET proposal = ? WHERE id = ? AND proposal IS NULL AND outcome IS NULL'),
    finish: prepare(
      'UPDATE entries SET outcome = ?, proposal = NULL, finished_at = ?, finish_sequence = ? WHERE id = ?',
    ),
    found: prepare('UPDATE entries SET sequence = ? WHERE id = ? AND sequence IS NULL'),
    finishFound: prepare(
      'UPDATE entries SET finish_sequence = ? WHERE id = ? AND finish_sequence IS NULL AND outcome IS NOT NULL',
    ),
    find: prepare('SELECT * FROM entries WHERE id = ?'),
    unfinished: prepare(
      `SELECT * FROM entries WHERE outcome IS NULL AND proposal IS NULL AND sequence IS NOT NULL
       ORDER BY accepted_at, id`,
    ),
    unlogged: prepare(
      'SELECT * FROM entries WHERE outcome IS NULL AND sequence IS NULL ORDER BY accepted_at, id',
    ),
    undecided: prepare(
      `SELECT id FROM entries WHERE finish_sequence IS NULL AND sequence IS NOT NULL
       AND (proposal IS NOT NULL OR outcome IS NOT NULL) ORDER BY accepted_at, id`,
    ),
    position: prepare('SELECT * FROM log'),
    applied: prepare('UPDATE log SET applied = ?'),
    led: prepare('UPDATE log SET generation = ?, counter = ?, manager = ?'),
    moved: prepare('UPDATE log SET created = ?, applied = ?'),
    lost: prepare('UPDATE entries SET sequence = NULL WHERE sequence > ?'),
    finishLost: prepare('UPDATE entries SET finish_sequence = NULL WHERE finish_sequence > ?'),
    marks: prepare('SELECT sequence, time FROM marks ORDER BY sequence DESC'),
    lastMarks: prepare('SELECT sequence, time FROM marks ORDER BY sequence DESC LIMIT 2'),
    mark: prepare('INSERT OR REPLACE INTO marks (sequence, time) VALUES (?, ?)'),
    unmark: prepare('DELETE FROM marks WHERE sequence = ?'),
    marksLost: prepare('DELETE FROM marks WHERE sequence > ?'),
    marksOld: prepare(
      `DELETE FROM marks WHERE sequence NOT IN (SELECT sequence FROM marks ORDER BY sequence DESC LIMIT ${MARKS})`,
    ),
    purge: prepare(
      'DELETE FROM entries WHERE (finished_at < ? AND finish_sequence IS NOT NULL) OR finished_at < ?',
    ),
  };
}

function wrap(database: DatabaseSync): JournalFile {
  const run = statements(database);

  const row = (id: Uuid): Row | undefined => run.find.get(id) as Row | undefined;
  const position = (): { created: string; applied: number; led: Led | undefined } => {
    const { created, applied, ...led } = run.position.get() as LogRow;
    return { created, applied, led: led.generation === null ? undefined : toLed(led) };
  };
  const marks = (): Mark[] => run.marks.all() as Mark[];
  const insert = (statement: StatementSync, entry: JournalEntry, epoch: Epoch, sequence: number | null) => {
    const { id, command, requester, acceptedAt, deadline, evidence, targets } = entry;
    const values = [id, command, requester, acceptedAt, deadline, evidence, JSON.stringify(targets)];
    return statement.run(...values, epoch.generation, epoch.counter, sequence).changes === 1;
  };
  const stateOf = (id: Uuid): 'accepted' | 'finished' | undefined => {
    const found = row(id);
    if (found?.outcome) return 'finished';
    return found && found.sequence !== null ? 'accepted' : undefined;
  };

  /** What the log tells a second time is, by that, in the log. */
  const confirm = (record: JournalRecord, sequence: number): void => {
    if (record.kind === 'accepted') run.found.run(sequence, record.entry.id);
    else if (record.kind === 'finished') run.finishFound.run(sequence, record.id);
  };
  const change = (record: JournalRecord, { sequence, time }: Logged, led: Led | undefined) => {
    const made = changeBy(record, { led, stateOf });
    if (!made) return confirm(record, sequence);
    if (made.kind === 'led') {
      const { epoch, manager } = made.led;
      run.led.run(epoch.generation, epoch.counter, manager);
      return { change: made, fresh: false };
    }
    if (made.kind === 'finished') {
      run.finish.run(made.outcome, time, sequence, made.id);
      return { change: made, fresh: false };
    }
    const before = row(made.entry.id);
    insert(run.log, made.entry, made.epoch, sequence);
    if (before?.proposal) run.propose.run(before.proposal, made.entry.id);
    return { change: made, fresh: before === undefined };
  };
  /** The last message always, and one in so much time. */
  const mark = ({ sequence, time }: Logged): void => {
    const [last, earlier] = run.lastMarks.all() as Mark[];
    if (last && earlier && last.time - earlier.time < MARK_EVERY_MS) run.unmark.run(last.sequence);
    else run.marksOld.run();
    run.mark.run(sequence, time);
  };

  return {
    transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const value = work();
        database.exec('COMMIT');
        return value;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    add: (entry, epoch) => insert(run.add, entry, epoch, null),
    withdraw: (id) => run.withdraw.run(id).changes === 1,
    propose(id, outcome) {
      run.propose.run(outcome, id);
    },
    apply(logged) {
      let { led } = position();
      const applied: Applied[] = [];
      for (const message of logged) {
        const made = message.record && change(message.record, message, led);
        if (!made) continue;
        applied.push(made);
        if (made.change.kind === 'led') led = made.change.led;
      }
      const last = logged.at(-1);
      if (last) {
        run.applied.run(last.sequence);
        mark(last);
      }
      return applied;
    },
    find(id) {
      const found = row(id);
      if (!found) return undefined;
      const entry = toEntry(found);
      return found.outcome === null
        ? { state: 'accepted', entry }
        : { state: 'finished', entry, outcome: found.outcome };
    },
    isLogged: (id) => stateOf(id) !== undefined,
    unfinished: () => (run.unfinished.all() as Row[]).map(toEntry),
    unlogged: () =>
      (run.unlogged.all() as Row[]).map((found) => ({ entry: toEntry(found), epoch: toEpoch(found) })),
    undecided: () => (run.undecided.all() as { id: Uuid }[]).map(({ id }) => id),
    proposalOf(id) {
      const found = row(id);
      return found?.outcome ?? found?.proposal ?? undefined;
    },
    position,
    marks,
    rewind(created, applied) {
      run.moved.run(created, applied);
      for (const statement of [run.lost, run.finishLost, run.marksLost]) statement.run(applied);
    },
    skipTo(sequence) {
      run.applied.run(sequence);
    },
    purge(logged, all) {
      run.purge.run(logged, all);
    },
    close: () => database.close(),
  };
}

function toEntry(row: Row): JournalEntry {
  return {
    id: row.id,
    command: row.command,
    requester: row.requester,
    acceptedAt: row.accepted_at,
    deadline: row.deadline,
    evidence: row.evidence,
    targets: JSON.parse(row.targets) as string[],
  };
}

function toEpoch({ generation, counter }: Pick<Row, 'generation' | 'counter'>): Epoch {
  return { generation, counter };
}

function toLed(row: Pick<Row, 'generation' | 'counter'> & { manager: string }): Led {
  return { epoch: toEpoch(row), manager: row.manager };
}
