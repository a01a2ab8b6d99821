/** Waiting for a line of a log file: an event, where there is no better one. */
import { readFileSync, statSync, watch } from 'node:fs';
import { Mom4cError } from '@mom4c/core';

export type LogFollower = {
  /** The first match in what was written since `follow`. @throws Mom4cError M4C_LAB after `limitMs` */
  take(pattern: RegExp, limitMs?: number): Promise<string>;
};

/** From the end of the file on. */
export function follow(file: string): LogFollower {
  const start = statSync(file).size;
  return {
    take(pattern, limitMs = 30_000) {
      return new Promise((resolve, reject) => {
        const end = (): void => {
          watcher.close();
          clearTimeout(timer);
        };
        const look = (): void => {
          const match = pattern.exec(readFileSync(file).subarray(start).toString());
          if (!match) return;
          end();
          resolve(match[0]);
        };
        const watcher = watch(file, look);
        const timer = setTimeout(() => {
          end();
          reject(new Mom4cError('M4C_LAB', `${file} has no line ${pattern}`));
        }, limitMs);
        look();
      });
    },
  };
}

export function readLog(file: string): string {
  return readFileSync(file, 'utf8');
}
