/**
 * Which links administrators wish for: kept on disk, so that a link that was ended stays so over restarts. Without a word
 * of theirs `connect` of the configuration says it.
 *
 * INVARIANT: `set` returns only after the wish is on disk.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Mom4cError, isDomain } from '@mom4c/core';
import * as z from 'zod';
import type { Partner } from './partner.ts';

export type Wishes = {
  isWanted(partner: Pick<Partner, 'domain' | 'connect'>): boolean;
  /** @throws Mom4cError M4C_CONFIG if the file cannot be written; then nothing has changed */
  set(domain: string, wanted: boolean): void;
};

const schema = z.strictObject({ wanted: z.record(z.string().refine(isDomain), z.boolean()) });

/** @param file is made with the first wish
 *  @throws Mom4cError M4C_CONFIG if it cannot be read: who was disconnected must not come back by a broken file */
export function openWishes(file: string): Wishes {
  let wanted = read(file);
  return {
    isWanted: ({ domain, connect }) => wanted.get(domain) ?? connect === 'always',
    set(domain, wish) {
      const next = new Map(wanted).set(domain, wish);
      write(file, next);
      wanted = next;
    },
  };
}

function read(file: string): Map<string, boolean> {
  if (!existsSync(file)) return new Map();
  try {
    return new Map(Object.entries(schema.parse(JSON.parse(readFileSync(file, 'utf8'))).wanted));
  } catch (cause) {
    const remedy = 'mend it, or remove it to go by `connect` of the configuration';
    throw new Mom4cError('M4C_CONFIG', `${file}: is not what this program wrote there; ${remedy}`, { cause });
  }
}

function write(file: string, wanted: ReadonlyMap<string, boolean>): void {
  const text = `${JSON.stringify({ wanted: Object.fromEntries(wanted) })}\n`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const descriptor = openSync(`${file}.new`, 'w', 0o600);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(`${file}.new`, file);
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `${file}: cannot be written`, { cause });
  }
}
