/** Waiting for a line of a log file: an event, where there is no better one. */
import { readFileSync, statSync, watch } from 'node:fs';
import { Mom4cError } from '@mom4c/core';
import { tailOf } from './keeper.ts';

export type LogFollower = {
  /** The first match in what was written since `follow`. @throws Mom4cError M4C_LAB */
  take(pattern: RegExp): Promise<string>;
};

/** Generous: a machine under load must not fail for it. */
const LIMIT_MS = 60_000;

/** From the end of the file on. */
export function follow(file: string): LogFollower {
  const start = statSync(file).size;
  const text = (): string => readFileSync(file).subarray(start).toString();
  return { take: (pattern) => whenWritten(file, `line ${pattern}`, () => pattern.exec(text())?.[0]) };
}

/** Looks at once and after each change of the file, until there is an answer.
 *  @throws Mom4cError M4C_LAB naming `what`, with the end of the file */
export function whenWritten<Answer>(
  file: string,
  what: string,
  look: () => Answer | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      watcher.close();
      clearTimeout(timer);
    };
    const again = (): void => {
      const answer = look();
      if (answer === undefined) return;
      end();
      resolve(answer);
    };
    // Watching comes first, so that nothing is written between the look and the watch.
    const watcher = watch(file, again);
    const timer = setTimeout(() => {
      end();
      reject(
        new Mom4cError(
          'M4C_LAB',
          `no ${what} in ${file} within ${LIMIT_MS / 1000} s; it ends with\n${tailOf(file)}`,
        ),
      );
    }, LIMIT_MS);
    again();
  });
}

export function readLog(file: string): string {
  return readFileSync(file, 'utf8');
}
