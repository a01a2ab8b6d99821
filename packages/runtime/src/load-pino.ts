import { createRequire } from 'node:module';
import type * as Pino from 'pino';

/** With the first logger: a command line that was not asked for its log needs none of these files. */
export const loadPino = (): typeof Pino => createRequire(import.meta.url)('pino');
