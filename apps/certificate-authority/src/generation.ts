/**
 * The generation of the domain's epochs, and the statement that says so (docs/adr/0025).
 *
 * INVARIANTS:
 * - It only grows, by one at a time. Of what stands there damaged nothing is served, and nothing is built on it: who took it for
 *   none would state a generation a second time.
 * - It is on the disk before anybody learns of it.
 */
import type { KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { FIRST_GENERATION, Mom4cError } from '@mom4c/core';
import type { Clock } from '@mom4c/core';
import { readGeneration, signGeneration } from '@mom4c/pki';
import type { Authority } from '@mom4c/pki';

export type Generation = {
  /** The latest statement; undefined: it was never raised. @throws Mom4cError M4C_CONFIG if it is damaged */
  current(): { readonly generation: number; readonly octets: Uint8Array } | undefined;
  /** @returns the new one @throws Mom4cError M4C_CONFIG (what stands there is damaged), M4C_BUSY (somebody raises it now) */
  raise(): Promise<number>;
};

type Row = { number: number; statement: Uint8Array };

export function createGeneration(parts: {
  readonly authority: Authority;
  readonly authorityKey: KeyObject;
  readonly domain: string;
  readonly database: DatabaseSync;
  readonly clock: Pick<Clock, 'now'>;
}): Generation {
  const { authority, authorityKey, domain, database, clock } = parts;
  const select = database.prepare('SELECT number, statement FROM generation');
  const insert = database.prepare(
    'INSERT INTO generation (number, statement) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM generation)',
  );
  const update = database.prepare('UPDATE generation SET number = ?, statement = ? WHERE number = ?');

  const current: Generation['current'] = () => {
    const [row, ...more] = select.all() as Row[];
    if (!row) return undefined;
    const { number: generation, statement: octets } = row;
    if (more.length > 0 || stated(octets) !== generation)
      throw new Mom4cError('M4C_CONFIG', "state: the generation of the domain's epochs is damaged");
    return { generation, octets };
  };

  const stated = (octets: Uint8Array): number | undefined => {
    try {
      return readGeneration(octets, { authority, domain }).generation;
    } catch {
      return undefined;
    }
  };

  return {
    current,
    async raise() {
      const before = current()?.generation;
      const generation = (before ?? FIRST_GENERATION) + 1;
      const statement = { domain, generation, time: clock.now() };
      const octets = await signGeneration(statement, { authority, authorityKey });
      const { changes } =
        before === undefined ? insert.run(generation, octets) : update.run(generation, octets, before);
      if (changes === 0) throw new Mom4cError('M4C_BUSY', 'somebody else raises the generation now');
      return generation;
    },
  };
}
