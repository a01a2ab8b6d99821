import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { Mom4cError } from '@mom4c/core';

export type SmallFile = { text: string; mode: number };

/** Reads a regular file of UTF-8 text of at most `maxBytes`, never waiting on a pipe or device.
 *  @throws Mom4cError M4C_CONFIG which names the file */
export function readSmallFile(path: string, maxBytes: number): SmallFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new Mom4cError('M4C_CONFIG', `${path}: cannot be opened (${errorName(error)})`, { cause: error });
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Mom4cError('M4C_CONFIG', `${path}: is no regular file`);
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got)
      got = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (length > maxBytes) throw new Mom4cError('M4C_CONFIG', `${path}: is larger than ${maxBytes} bytes`);
    return { text: decode(path, buffer.subarray(0, length)), mode: stat.mode };
  } finally {
    closeSync(descriptor);
  }
}

function decode(path: string, octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch (error) {
    throw new Mom4cError('M4C_CONFIG', `${path}: is not UTF-8 text`, { cause: error });
  }
}

function errorName(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown reason';
}
