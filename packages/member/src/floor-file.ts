/**
 * Keeps the time of the latest accepted message in one small file: `<milliseconds> <boot id>`. Every change is handed to
 * the system at once, and so survives the death of the process. A power cut may lose the last seconds of it: after a
 * reboot the floor is therefore not below the time of the start. The same holds for a file that is there but empty, as a
 * power cut leaves one whose first record was not written yet; only a file that was never there stands for no floor.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { Clock } from '@mom4c/core';
import type { FloorStore } from '@mom4c/messaging';

export type FloorFile = FloorStore & { close(): void };

/** 16 digits, a blank, a UUID, a line feed: of one length, so that it is overwritten in place. */
const RECORD = /^(\d{16}) ([0-9a-f-]{36})\n$/;
const RECORD_LENGTH = 16 + 1 + 36 + 1;

/** @throws Mom4cError M4C_CONFIG if the file cannot be opened or is damaged */
export function openFloorFile(
  path: string,
  clock: Pick<Clock, 'now'>,
  boot: string = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
): FloorFile {
  const { descriptor, isNew } = open(path);
  const save = (latest: number): void => {
    writeSync(descriptor, `${String(latest).padStart(16, '0')} ${boot}\n`, 0);
  };
  if (isNew) {
    // Told apart from an empty file from now on; and a power cut must not take the file away again.
    save(0);
    sync(descriptor, dirname(path));
  }
  const stored = read(descriptor, path);
  const floor = stored?.boot === boot ? stored.latest : Math.max(stored?.latest ?? 0, clock.now());
  return {
    load: () => floor,
    save,
    close: () => closeSync(descriptor),
  };
}

function read(descriptor: number, path: string): { latest: number; boot: string } | undefined {
  // One octet more than there should be, so that a longer file is noticed.
  const octets = Buffer.alloc(RECORD_LENGTH + 1);
  const length = readSync(descriptor, octets, 0, octets.length, 0);
  if (length === 0) return undefined;
  const record = RECORD.exec(octets.toString('latin1', 0, length));
  const latest = Number(record?.[1]);
  // A number that cannot be counted on would refuse all that ever comes.
  if (!record || !Number.isSafeInteger(latest))
    throw new Mom4cError('M4C_CONFIG', `${path} is damaged; it holds the time of the latest message`);
  return { latest, boot: record[2]! };
}

function sync(descriptor: number, folder: string): void {
  fsyncSync(descriptor);
  const opened = openSync(folder, 'r');
  fsyncSync(opened);
  closeSync(opened);
}

function open(path: string): { descriptor: number; isNew: boolean } {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      return { descriptor: openSync(path, 'wx+', 0o600), isNew: true };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return { descriptor: openSync(path, 'r+'), isNew: false };
    }
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `state: ${path} cannot be opened`, { cause });
  }
}
