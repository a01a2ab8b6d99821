/** Certificates of the configuration's files. */
import { readFileSync } from 'node:fs';
import { Mom4cError } from '@mom4c/core';
import { certificatesIn } from './level.ts';

/** @throws Mom4cError M4C_CONFIG which names the file */
export function readPem(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `${path}: cannot be read`, { cause });
  }
  let count: number;
  try {
    count = certificatesIn(text).length;
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `${path}: holds a certificate that cannot be read`, { cause });
  }
  if (count === 0) throw new Mom4cError('M4C_CONFIG', `${path}: holds no PEM certificate`);
  return text;
}

/** DER, all of them. @throws Mom4cError M4C_CONFIG */
export function readDers(paths: readonly string[]): Uint8Array[] {
  return paths.flatMap((path) => certificatesIn(readPem(path)).map(({ raw }) => raw));
}
