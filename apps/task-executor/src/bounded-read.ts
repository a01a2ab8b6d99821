/**
 * Reading below a root that may be hostile or broken: every path is resolved first and must stay below the root
 * (sysfs is full of symbolic links, but they stay inside), only regular files are read, never more than a little, and
 * nobody waits on a FIFO or a stuck driver.
 */
import { constants } from 'node:fs';
import type { StatsFs } from 'node:fs';
import { open, opendir, realpath, statfs } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Mom4cError, systemClock } from '@mom4c/core';

export type Root = {
  /** The text of a small file, without the white space at its end; `limitMs` is one second where absent.
   *  @throws Mom4cError M4C_SENSOR_UNREADABLE */
  text(path: string, limitMs?: number): Promise<string>;
  /** Like `text`, but `undefined` if there is none. */
  optionalText(path: string): Promise<string | undefined>;
  /** What it leads to, if that is below the root. @throws Mom4cError M4C_SENSOR_UNREADABLE, or as the system says it */
  resolve(path: string): Promise<string>;
  /** Sorted names in a folder, at most MAX_ENTRIES; none if there is no such folder. */
  names(path: string): Promise<string[]>;
};

/** A sysfs attribute is at most a page; the largest procfs file read here is /proc/meminfo. */
const MAX_FILE_BYTES = 8192;
const READ_LIMIT_MS = 1000;
/** In one folder. More are passed over. */
export const MAX_ENTRIES = 2000;

export async function openRoot(folder: string): Promise<Root> {
  const base = await realpath(folder).catch(() => folder);
  const resolveInside = async (path: string): Promise<string> => {
    const resolved = await realpath(join(base, path));
    if (resolved !== base && !resolved.startsWith(base.endsWith(sep) ? base : base + sep))
      throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'leads outside of the root');
    return resolved;
  };
  // A read from a stuck driver cannot be cancelled; whoever asks again waits for the same one, so that it holds one
  // thread of the pool at most.
  const reading = new Map<string, Promise<string>>();
  const read = (path: string): Promise<string> => {
    let work = reading.get(path);
    if (!work) {
      work = resolveInside(path)
        .then(readText)
        .finally(() => reading.delete(path));
      work.catch(() => {});
      reading.set(path, work);
    }
    return work;
  };
  const text = (path: string, limitMs = READ_LIMIT_MS): Promise<string> =>
    withinLimit(read(path), limitMs).catch(toUnreadable);
  return {
    text,
    resolve: resolveInside,
    async optionalText(path) {
      return await text(path).catch(() => undefined);
    },
    async names(path) {
      return await withinLimit(resolveInside(path).then(readNames), READ_LIMIT_MS).catch(() => []);
    },
  };
}

/** Octets of a file system. */
export type Volume = {
  /** @throws Mom4cError M4C_SENSOR_UNREADABLE */
  size(): Promise<{ readonly total: number; readonly available: number }>;
};

/** Of the file system under `path`. A mount whose server is gone never answers: nobody waits longer than a second for
 *  it, and all wait for the same answer, so that it holds one thread of the pool at most. */
export function openVolume(path: string, stat: typeof statfs = statfs): Volume {
  let asking: Promise<StatsFs> | undefined;
  return {
    async size() {
      if (!asking) {
        asking = stat(path).finally(() => (asking = undefined));
        asking.catch(() => {});
      }
      const { blocks, bavail, bsize } = await withinLimit(asking, READ_LIMIT_MS).catch(toUnreadable);
      return { total: blocks * bsize, available: bavail * bsize };
    },
  };
}

async function readText(path: string): Promise<string> {
  // Opening a FIFO without O_NONBLOCK would occupy a thread of the pool for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    if (!(await file.stat()).isFile()) throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'no regular file');
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > MAX_FILE_BYTES) throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'too large');
    return decode(buffer.subarray(0, length)).trimEnd();
  } finally {
    await file.close();
  }
}

async function readNames(path: string): Promise<string[]> {
  const names: string[] = [];
  // Leaving the loop closes the folder.
  for await (const entry of await opendir(path)) {
    if (names.length === MAX_ENTRIES) break;
    names.push(entry.name);
  }
  return names.sort(byNumberThenText);
}

function decode(octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch (error) {
    throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'not text', { cause: error });
  }
}

/** The work goes on, but nobody waits for it. @param fault what is thrown then */
export async function withinLimit<Value>(
  work: Promise<Value>,
  limitMs: number,
  fault: () => Mom4cError = () => new Mom4cError('M4C_SENSOR_UNREADABLE', 'no answer in time'),
): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const cancel = systemClock.after(limitMs, () => late.reject(fault()));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    cancel();
  }
}

/** Never the path: it is of no use to the reader of a command's result. */
function toUnreadable(error: unknown): never {
  if (error instanceof Mom4cError) throw error;
  const { code } = error as NodeJS.ErrnoException;
  throw new Mom4cError('M4C_SENSOR_UNREADABLE', code ?? 'unknown reason', { cause: error });
}

/** hwmon2 before hwmon10. */
export function byNumberThenText(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
