import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Run once each, in this order; `user_version` counts those that have been. Append only. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS tokens (
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
  CREATE INDEX IF NOT EXISTS certificates_unpublished ON certificates (unpublished) WHERE unpublished = 1;`,

  `ALTER TABLE tokens ADD COLUMN legacy INTEGER NOT NULL DEFAULT 0;
  -- what it was used for, so that the same request may be sent again
  ALTER TABLE tokens ADD COLUMN serial TEXT;
  ALTER TABLE tokens ADD COLUMN transaction_id TEXT;
  -- of the request that it was issued for, as 'AES-128, sha256'
  ALTER TABLE certificates ADD COLUMN algorithms TEXT;
  ALTER TABLE certificates ADD COLUMN reason TEXT;
  -- 1 while the directory is still to drop it
  ALTER TABLE certificates ADD COLUMN unwithdrawn INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX certificates_unwithdrawn ON certificates (unwithdrawn) WHERE unwithdrawn = 1;
  CREATE INDEX certificates_revoked ON certificates (revoked) WHERE revoked IS NOT NULL;
  CREATE TABLE enrolments (
    id TEXT PRIMARY KEY,
    -- SHA-256 of the key, hex
    fingerprint TEXT NOT NULL UNIQUE,
    public_key BLOB NOT NULL,
    subject TEXT NOT NULL,
    remote TEXT NOT NULL,
    received INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    state TEXT NOT NULL,
    serial TEXT
  ) STRICT;
  -- one row: the list that is being served
  CREATE TABLE revocation_list (
    number INTEGER NOT NULL,
    der BLOB NOT NULL,
    made INTEGER NOT NULL,
    entries INTEGER NOT NULL
  ) STRICT;`,

  `-- name of the administrator who made it
  ALTER TABLE tokens ADD COLUMN made_by TEXT;
  CREATE INDEX tokens_made_by ON tokens (made_by);
  -- one row: how many revocations there have been; what is forgotten does not lower it
  CREATE TABLE revocations (count INTEGER NOT NULL) STRICT;
  INSERT INTO revocations VALUES (0);
  -- which one of them it was
  ALTER TABLE certificates ADD COLUMN revocation INTEGER;
  CREATE TRIGGER count_revocation AFTER UPDATE OF revoked ON certificates
    WHEN OLD.revoked IS NULL AND NEW.revoked IS NOT NULL
  BEGIN
    UPDATE revocations SET count = count + 1;
    UPDATE certificates SET revocation = (SELECT count FROM revocations) WHERE serial = NEW.serial;
  END;
  ALTER TABLE revocation_list RENAME COLUMN entries TO revocations;
  -- its number was counted otherwise: it is to be made anew
  UPDATE revocation_list SET revocations = -1;`,

  `-- one row, once it was raised: the generation of the domain's epochs, and the statement that says so
  CREATE TABLE generation (number INTEGER NOT NULL, statement BLOB NOT NULL) STRICT;
  CREATE TRIGGER generation_grows BEFORE UPDATE ON generation WHEN NEW.number <= OLD.number
  BEGIN
    SELECT RAISE(ABORT, 'the generation never goes down');
  END;`,
];

/** Everything in one file, so that using a token up and issuing a certificate are one transaction. */
export function openDatabase(folder: string): DatabaseSync {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'certificate-authority.sqlite');
  // The verbs of the operator write while the service runs.
  const database = new DatabaseSync(file, { timeout: 5000 });
  chmodSync(file, 0o600);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  transaction(database, () => migrate(database));
  return database;
}

function migrate(database: DatabaseSync): void {
  const { user_version: done } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  for (const migration of MIGRATIONS.slice(done)) database.exec(migration);
  database.exec(`PRAGMA user_version = ${Math.max(done, MIGRATIONS.length)}`);
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
