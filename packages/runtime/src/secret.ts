import { Mom4cError } from '@mom4c/core';
import { readSmallFile } from './read-file.ts';

const MAX_SECRET_BYTES = 64 * 1024;

/** Reads a secret; one newline at its end does not belong to it.
 *  @throws Mom4cError M4C_CONFIG if it is missing or empty, or if group or others may read or write it */
export function readSecret(path: string): string {
  const { text, mode } = readSmallFile(path, MAX_SECRET_BYTES);
  if ((mode & 0o077) !== 0)
    throw new Mom4cError('M4C_CONFIG', `${path}: others than its owner may use this secret; chmod 600 it`);
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new Mom4cError('M4C_CONFIG', `${path}: is empty`);
  return secret;
}
