/** The tables of the journal's file, and the steps to them from those of earlier versions. */
import type { DatabaseSync } from 'node:sqlite';

/**
 * `sequence`, `finish_sequence`: where the stream has it; NULL: it does not, 0: it is older than the log. `proposal`: an
 * outcome that the log does not have yet. `log` has one row; `marks` tell a stream that has lost its tail by the times of
 * its messages.
 */
const TABLES = `
  CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    requester TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    evidence BLOB NOT NULL,
    targets TEXT NOT NULL,
    generation INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    sequence INTEGER,
    proposal BLOB,
    outcome BLOB,
    finished_at INTEGER,
    finish_sequence INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entries_open ON entries (accepted_at) WHERE outcome IS NULL;
  CREATE INDEX entries_finished ON entries (finished_at) WHERE outcome IS NOT NULL;
  CREATE INDEX entries_unlogged ON entries (accepted_at) WHERE finish_sequence IS NULL;
  CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    created TEXT NOT NULL,
    applied INTEGER NOT NULL,
    generation INTEGER,
    counter INTEGER,
    manager TEXT
  ) STRICT;
  INSERT INTO log (one, created, applied) VALUES (1, '', 0);
  CREATE TABLE marks (sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL) STRICT;`;

/** Version 1 had no log to follow. What it has as finished stays so; what it has as unfinished goes into the log. */
const FROM_1 = `
  DROP INDEX entries_open;
  DROP INDEX entries_finished;
  DROP INDEX entries_unpublished;
  DROP INDEX entries_finish_unpublished;
  ALTER TABLE entries RENAME TO entries_1;
  ${TABLES}
  INSERT INTO entries
    SELECT id, command, requester, accepted_at, deadline, evidence, targets, 0, 0,
      iif(finished_at IS NULL, NULL, 0), NULL, outcome, finished_at, iif(finished_at IS NULL, NULL, 0)
    FROM entries_1;
  DROP TABLE entries_1;`;

/** Version 2 called counters after the revisions that they were, and had a key that always was empty. */
const FROM_2 = `
  ALTER TABLE entries RENAME COLUMN revision TO counter;
  ALTER TABLE log RENAME COLUMN revision TO counter;
  ALTER TABLE log DROP COLUMN key;`;

const STEPS: Readonly<Record<number, string>> = { 0: TABLES, 1: FROM_1, 2: FROM_2 };
const VERSION = 3;

/** @throws Error if a later version has written the file */
export function prepareSchema(database: DatabaseSync): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === VERSION) return;
  const step = STEPS[version];
  if (step === undefined) throw new Error(`the file has schema version ${version}`);
  database.exec(`BEGIN; ${step} PRAGMA user_version = ${VERSION}; COMMIT;`);
}
