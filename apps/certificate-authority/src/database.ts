import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS tokens (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    expires INTEGER NOT NULL,
    used INTEGER
  ) STRICT;
  CREATE TABLE IF NOT EXISTS certificates (
    serial TEXT PRIMARY KEY,
    der BLOB NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    issued INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    revoked INTEGER,
    -- 1 until the directory has it
    unpublished INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS certificates_name ON certificates (name);
  CREATE INDEX IF NOT EXISTS certificates_unpublished ON certificates (unpublished) WHERE unpublished = 1;
`;

/** Tokens and certificates in one file, so that using one up and issuing the other are one transaction. */
export function openDatabase(folder: string): DatabaseSync {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'certificate-authority.sqlite');
  // The verbs of the operator write while the service runs.
  const database = new DatabaseSync(file, { timeout: 5000 });
  chmodSync(file, 0o600);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  database.exec(SCHEMA);
  return database;
}

/** All of it or nothing. Takes the write lock first, so that what was read stays true. */
export function transaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
