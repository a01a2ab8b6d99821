/** The other programs of mom4c, which this one starts: apps do not import apps. */
import { existsSync } from 'node:fs';
import { programFile } from '@mom4c/build';
import { Mom4cError } from '@mom4c/core';

/** Those that have a configuration of their own. */
export const PROGRAMS = [
  'cluster-manager',
  'task-executor',
  'command-adapter',
  'federation-gateway',
  'certificate-authority',
] as const;
export type ProgramName = (typeof PROGRAMS)[number];

/** `cli` is this program itself. */
export const CONFIGURED = ['cli', ...PROGRAMS] as const;
export type Configured = (typeof CONFIGURED)[number];

/** @throws Mom4cError M4C_PACKAGE_MISSING */
export function programPath(name: ProgramName): string {
  const path = programFile(name);
  if (!existsSync(path))
    throw new Mom4cError('M4C_PACKAGE_MISSING', `${name} is not installed on this machine`);
  return path;
}
