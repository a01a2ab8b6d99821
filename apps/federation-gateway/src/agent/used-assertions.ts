/**
 * Which assertions were used, until they are not valid any more: one use each, also after a restart.
 *
 * INVARIANTS:
 *  - `use` returns only after the id is on disk;
 *  - an id is forgotten only after its time; where there is no room the next assertion is refused instead.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Clock, Mom4cError } from '@mom4c/core';

export type UsedAssertions = {
  /** @param until milliseconds of the wall clock, after which nobody accepts it anyway
   *  @throws Mom4cError M4C_ASSERTION_REPLAY, M4C_BUSY */
  use(assertion: { issuer: string; id: string; until: number }): void;
  close(): void;
};

const MAX_ASSERTIONS = 10_000;

export function openUsedAssertions(
  folder: string,
  clock: Pick<Clock, 'now'>,
  max: number = MAX_ASSERTIONS,
): UsedAssertions {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'used-assertions.sqlite');
  const database = new DatabaseSync(file, { timeout: 5000 });
  chmodSync(file, 0o600);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS assertions (hash BLOB PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS assertions_until ON assertions (until);`);
  const forget = database.prepare('DELETE FROM assertions WHERE until < ?');
  const count = database.prepare('SELECT count(*) AS count FROM assertions');
  const insert = database.prepare('INSERT OR IGNORE INTO assertions (hash, until) VALUES (?, ?)');
  return {
    use({ issuer, id, until }) {
      forget.run(clock.now());
      if ((count.get() as { count: number }).count >= max)
        throw new Mom4cError('M4C_BUSY', 'too many assertions are remembered');
      const hash = createHash('sha256')
        .update(JSON.stringify([issuer, id]))
        .digest();
      if (insert.run(hash, until).changes !== 1) throw new Mom4cError('M4C_ASSERTION_REPLAY');
    },
    close: () => database.close(),
  };
}
