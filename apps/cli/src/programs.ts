/** The other programs of mom4c, which this one starts: apps do not import apps. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Mom4cError } from '@mom4c/core';

const MAINS = {
  'cluster-manager': new URL('../../cluster-manager/src/main.ts', import.meta.url),
  'task-executor': new URL('../../task-executor/src/main.ts', import.meta.url),
  'command-adapter': new URL('../../command-adapter/src/main.ts', import.meta.url),
  'federation-gateway': new URL('../../federation-gateway/src/main.ts', import.meta.url),
  'certificate-authority': new URL('../../certificate-authority/src/main.ts', import.meta.url),
};
export type ProgramName = keyof typeof MAINS;

/** Those that have a configuration of their own. */
export const PROGRAMS = Object.keys(MAINS) as readonly ProgramName[];

/** `cli` is this program itself. */
export type Configured = 'cli' | ProgramName;
export const CONFIGURED: readonly Configured[] = ['cli', ...PROGRAMS];

/** @throws Mom4cError M4C_PACKAGE_MISSING */
export function programPath(name: ProgramName): string {
  const path = fileURLToPath(MAINS[name]);
  if (!existsSync(path))
    throw new Mom4cError('M4C_PACKAGE_MISSING', `${name} is not installed on this machine`);
  return path;
}
