/**
 * Keeps the latest accepted message time in eight octets of one file. Every change is handed to the system at once and
 * so survives the death of the process; what a power cut may lose of it is younger than the reboot takes.
 */
import { closeSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { FloorStore } from '@mom4c/messaging';

export type FloorFile = FloorStore & { close(): void };

/** @throws Mom4cError M4C_CONFIG if the file cannot be opened or is not such a file */
export function openFloorFile(path: string): FloorFile {
  const descriptor = open(path);
  const octets = Buffer.alloc(8);
  // One more than there should be, so that a longer file is noticed.
  const length = readSync(descriptor, Buffer.alloc(9), 0, 9, 0);
  readSync(descriptor, octets, 0, 8, 0);
  const stored = octets.readBigUInt64BE();
  if ((length !== 0 && length !== 8) || stored > BigInt(Number.MAX_SAFE_INTEGER))
    throw new Mom4cError('M4C_CONFIG', `${path} is damaged: it must hold eight octets`);
  return {
    load: () => Number(stored),
    save(latest) {
      octets.writeBigUInt64BE(BigInt(latest));
      writeSync(descriptor, octets, 0, 8, 0);
    },
    close: () => closeSync(descriptor),
  };
}

function open(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      return openSync(path, 'wx+', 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return openSync(path, 'r+');
    }
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `state: ${path} cannot be opened`, { cause });
  }
}
