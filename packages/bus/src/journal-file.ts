/** The file under the journal: SQLite in WAL mode, synced at each commit. Calls block for as long as the disk does. */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { JournalEntry, JournalState, Uuid } from '@mom4c/core';

export type Write =
  | { kind: 'accept'; entry: JournalEntry }
  | { kind: 'withdraw'; id: Uuid }
  | { kind: 'finish'; id: Uuid; outcome: Uint8Array; at: number };

export type JournalFile = {
  /** All or nothing, on the disk when it returns; for each write, whether it changed anything. */
  commit(writes: readonly Write[]): boolean[];
  /** Is not synced by itself but with the next commit: if it is lost, the stream sees a duplicate. */
  markPublished(what: 'accepted' | 'finished', id: Uuid): void;
  find(id: Uuid): JournalState | undefined;
  /** Oldest first. */
  unfinished(): JournalEntry[];
  /** Accepted, but the stream has no copy of it. */
  unpublished(): JournalEntry[];
  /** Finished, but the stream has no copy of the outcome. */
  unpublishedOutcomes(): Uuid[];
  /** Deletes what finished before this Unix time in milliseconds. */
  purge(before: number, which: 'published' | 'all'): void;
  close(): void;
};

type Row = {
  id: string;
  command: string;
  requester: string;
  accepted_at: number;
  deadline: number;
  evidence: Uint8Array;
  targets: string;
  outcome: Uint8Array | null;
};

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    requester TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    evidence BLOB NOT NULL,
    targets TEXT NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    outcome BLOB,
    finished_at INTEGER,
    finish_published INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entries_open ON entries (accepted_at) WHERE finished_at IS NULL;
  CREATE INDEX entries_finished ON entries (finished_at) WHERE finished_at IS NOT NULL;
  CREATE INDEX entries_unpublished ON entries (published) WHERE published = 0;
  CREATE INDEX entries_finish_unpublished ON entries (finished_at)
    WHERE finished_at IS NOT NULL AND finish_published = 0;
  PRAGMA user_version = ${SCHEMA_VERSION};`;

export function openJournalFile(path: string): JournalFile {
  // SQLite would make it readable for all; its WAL takes over the mode.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: 1000 });
  try {
    prepareSchema(database);
    return wrap(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepareSchema(database: DatabaseSync): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT;`);
  else if (version !== SCHEMA_VERSION) throw new Error(`the file has schema version ${version}`);
}

function wrap(database: DatabaseSync): JournalFile {
  const insert = database.prepare(
    `INSERT OR IGNORE INTO entries (id, command, requester, accepted_at, deadline, evidence, targets)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const withdraw = database.prepare('DELETE FROM entries WHERE id = ? AND published = 0');
  const finish = database.prepare(
    'UPDATE entries SET outcome = ?, finished_at = ? WHERE id = ? AND finished_at IS NULL',
  );
  const publish = {
    accepted: database.prepare('UPDATE entries SET published = 1 WHERE id = ?'),
    finished: database.prepare('UPDATE entries SET finish_published = 1 WHERE id = ?'),
  };
  const find = database.prepare('SELECT * FROM entries WHERE id = ?');
  const open = database.prepare('SELECT * FROM entries WHERE finished_at IS NULL ORDER BY accepted_at, id');
  const unpublished = database.prepare('SELECT * FROM entries WHERE published = 0 ORDER BY accepted_at, id');
  const unpublishedOutcomes = database.prepare(
    'SELECT id FROM entries WHERE finished_at IS NOT NULL AND finish_published = 0 ORDER BY finished_at, id',
  );
  const purge = {
    published: database.prepare('DELETE FROM entries WHERE finished_at < ? AND finish_published = 1'),
    all: database.prepare('DELETE FROM entries WHERE finished_at < ?'),
  };
  const published: { what: keyof typeof publish; id: Uuid }[] = [];

  const add = (entry: JournalEntry): boolean => {
    const { id, command, requester, acceptedAt, deadline, evidence, targets } = entry;
    const values = [id, command, requester, acceptedAt, deadline, evidence, JSON.stringify(targets)];
    return insert.run(...values).changes === 1;
  };
  const apply = (write: Write): boolean => {
    switch (write.kind) {
      case 'accept':
        return add(write.entry);
      case 'withdraw':
        return withdraw.run(write.id).changes === 1;
      case 'finish':
        return finish.run(write.outcome, write.at, write.id).changes === 1;
    }
  };

  const commit = (writes: readonly Write[]): boolean[] => {
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const { what, id } of published) publish[what].run(id);
      const changed = writes.map(apply);
      database.exec('COMMIT');
      published.length = 0;
      return changed;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };

  return {
    commit,
    markPublished(what, id) {
      published.push({ what, id });
    },
    find(id) {
      const row = find.get(id) as Row | undefined;
      if (!row) return undefined;
      const entry = toEntry(row);
      return row.outcome === null
        ? { state: 'accepted', entry }
        : { state: 'finished', entry, outcome: row.outcome };
    },
    unfinished: () => (open.all() as Row[]).map(toEntry),
    unpublished: () => (unpublished.all() as Row[]).map(toEntry),
    unpublishedOutcomes: () => (unpublishedOutcomes.all() as { id: Uuid }[]).map((row) => row.id),
    purge(before, which) {
      purge[which].run(before);
    },
    close() {
      if (published.length > 0) commit([]);
      database.close();
    },
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
