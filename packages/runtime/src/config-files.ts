/** The files and folders that a configuration points to, checked without reading what is in them. */
import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import type { ConfigFault } from './config.ts';
import type { PathKind } from './settings.ts';

export type FileFault = ConfigFault & { readonly level: 'fault' | 'warning' };

/** Nobody but its owner may read or write a secret. */
const OTHERS = 0o077;

/** @param path absolute. `undefined`: nothing to say */
export function pathFaults(setting: string, path: string, kind: PathKind): FileFault[] {
  const fault = (reason: string, expected: string): FileFault[] => [
    { level: 'fault', path: setting, reason: `${path} ${reason}`, expected },
  ];
  const stats = statsOf(path);
  if (typeof stats === 'string') return fault(stats, 'a path that can be looked up');
  switch (kind) {
    case 'file':
      if (!stats) return fault('does not exist', 'a file');
      return stats.isFile() ? readable(setting, path) : fault('is no regular file', 'a file');
    case 'secret':
      return stats ? secretFaults(setting, path, stats) : fault('does not exist', 'a file of mode 0600');
    case 'secret, made by the program':
    case 'secret, used once':
      if (stats) return secretFaults(setting, path, stats);
      return kind === 'secret, used once' ? [] : roomFaults(setting, path);
    case 'folder':
      if (!stats) return fault('does not exist', 'a folder');
      return stats.isDirectory() ? readable(setting, path) : fault('is no folder', 'a folder');
    case 'folder, made by the program':
      if (!stats) return roomFaults(setting, path);
      if (!stats.isDirectory()) return fault('is no folder', 'a folder');
      return may(path, constants.W_OK | constants.X_OK)
        ? []
        : fault('cannot be written to', 'a folder of the user of the program');
  }
}

function secretFaults(setting: string, path: string, stats: Stats): FileFault[] {
  const expected = 'a file of mode 0600 that belongs to the user of the program';
  const found: FileFault[] = [];
  const add = (level: FileFault['level'], reason: string, hint?: string): void =>
    void found.push({ level, path: setting, reason: `${path} ${reason}`, expected, hint });
  if (!stats.isFile()) add('fault', 'is no regular file');
  else {
    if ((stats.mode & OTHERS) !== 0) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
      add('fault', `has mode ${mode}: others than its owner may use this secret`, `chmod 600 ${path}`);
    }
    if (stats.size === 0) add('fault', 'is empty');
    const self = process.geteuid?.();
    if (self !== undefined && stats.uid !== self)
      // For root it may be right: the program then runs as somebody else.
      add(
        self === 0 ? 'warning' : 'fault',
        `belongs to user ${stats.uid}, not to ${self} who asks`,
        'check as the user of the program',
      );
    if (!may(path, constants.R_OK)) add('fault', 'cannot be read');
  }
  return found;
}

function readable(setting: string, path: string): FileFault[] {
  if (may(path, constants.R_OK)) return [];
  return [
    {
      level: 'fault',
      path: setting,
      reason: `${path} cannot be read`,
      expected: 'readable for the user of the program',
    },
  ];
}

/** Can it be made there? The nearest folder that exists decides. */
function roomFaults(setting: string, path: string): FileFault[] {
  let folder = dirname(path);
  while (statsOf(folder) === undefined && dirname(folder) !== folder) folder = dirname(folder);
  const stats = statsOf(folder);
  const fits =
    typeof stats === 'object' && stats.isDirectory() && may(folder, constants.W_OK | constants.X_OK);
  if (fits) return [];
  const reason = `${path} does not exist and cannot be made in ${folder}`;
  return [{ level: 'fault', path: setting, reason, expected: 'a place where the program may write' }];
}

/** @returns undefined if there is nothing; a text if that cannot be known */
function statsOf(path: string): Stats | string | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') return `cannot be looked up (${code})`;
    return lstatSync(path, { throwIfNoEntry: false }) ? 'is a link to nothing' : undefined;
  }
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
