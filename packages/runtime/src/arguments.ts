import { parseArgs } from 'node:util';
import { Mom4cError } from '@mom4c/core';

/** The file named by `--config FILE`, the only argument of our services. @throws Mom4cError M4C_USAGE */
export function configFile(args: readonly string[]): string {
  try {
    const { values } = parseArgs({ args: [...args], options: { config: { type: 'string', short: 'c' } } });
    if (values.config !== undefined) return values.config;
  } catch (cause) {
    throw new Mom4cError('M4C_USAGE', (cause as Error).message, { cause });
  }
  throw new Mom4cError('M4C_USAGE', '--config FILE is missing');
}
