/** The file under the record of commands: SQLite in WAL mode, synced at each commit. Calls block for as long as the disk does. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Mom4cError } from '@mom4c/core';
import type { Epoch } from '@mom4c/core';
import type { Answer, RecordStore } from './execution-record.ts';

export type RecordFile = RecordStore & { close(): void };

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE epochs (
    issuer TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    revision INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE commands (
    issuer TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    answer TEXT,
    PRIMARY KEY (issuer, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX commands_at ON commands (at);
  PRAGMA user_version = ${SCHEMA_VERSION};`;

/** @throws Mom4cError M4C_CONFIG if the file cannot be opened or is damaged */
export function openRecordFile(path: string): RecordFile {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
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
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `state: ${path} cannot be opened, or is damaged`, { cause });
  }
}

function prepareSchema(database: DatabaseSync): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT;`);
  else if (version !== SCHEMA_VERSION) throw new Error(`the file has schema version ${version}`);
}

function wrap(database: DatabaseSync): RecordFile {
  const epochs = database.prepare('SELECT issuer, generation, revision AS counter FROM epochs');
  const raise = database.prepare(
    `INSERT INTO epochs (issuer, generation, revision) VALUES (?, ?, ?)
     ON CONFLICT (issuer) DO UPDATE SET generation = excluded.generation, revision = excluded.revision`,
  );
  const find = database.prepare('SELECT answer FROM commands WHERE issuer = ? AND id = ?');
  const begin = database.prepare('INSERT INTO commands (issuer, id, at) VALUES (?, ?, ?)');
  const answer = database.prepare(
    `INSERT INTO commands (issuer, id, at, answer) VALUES (?, ?, ?, ?)
     ON CONFLICT (issuer, id) DO UPDATE SET answer = excluded.answer`,
  );
  const forget = database.prepare(
    `DELETE FROM commands WHERE (issuer, id) IN
     (SELECT issuer, id FROM commands WHERE at < ? ORDER BY at LIMIT ?)`,
  );
  const { rows } = database.prepare('SELECT count(*) AS rows FROM commands').get() as { rows: number };
  let count = rows;

  const together = (change: () => void): void => {
    database.exec('BEGIN IMMEDIATE');
    try {
      change();
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };

  return {
    epochs: () => new Map(epochs.all().map((row) => [String(row['issuer']), epochIn(row)])),
    raiseEpoch: (issuer, { generation, counter }) =>
      written(() => void raise.run(issuer, generation, counter)),
    find: (issuer, id) =>
      written(() => {
        const row = find.get(issuer, id);
        return row && { answer: answerIn(row['answer']) };
      }),
    begin: (issuer, id, at) =>
      written(() => {
        begin.run(issuer, id, at);
        count += 1;
      }),
    answer: (issuer, ids, given, at) =>
      written(() => {
        const added = ids.filter((id) => !find.get(issuer, id)).length;
        together(() => {
          for (const id of ids) answer.run(issuer, id, at, JSON.stringify(given));
        });
        count += added;
      }),
    count: () => count,
    forget: (before, atMost) =>
      written(() => {
        const forgotten = Number(forget.run(before, atMost).changes);
        count -= forgotten;
        return forgotten;
      }),
    close: () => database.close(),
  };
}

function epochIn(row: Record<string, unknown>): Epoch {
  return { generation: Number(row['generation']), counter: Number(row['counter']) };
}

/** As we wrote it. */
function answerIn(text: unknown): Answer | undefined {
  return typeof text === 'string' ? (JSON.parse(text) as Answer) : undefined;
}

/** @throws Mom4cError M4C_RECORD */
function written<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (cause) {
    throw new Mom4cError('M4C_RECORD', undefined, { cause });
  }
}
