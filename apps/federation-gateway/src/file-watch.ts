/** Files that somebody may change while this program runs: a look at their times, not at what is in them. */
import { statSync } from 'node:fs';
import type { Clock } from '@mom4c/core';

const LOOK_MS = 2_000;

/** Calls back after any of them has changed, appeared or gone; what follows from that is for the listener to find out.
 *  @returns what ends that */
export function watchFiles(
  paths: () => readonly string[],
  clock: Pick<Clock, 'after'>,
  onChange: () => void,
): () => void {
  let seen = stamp(paths());
  let cancel = clock.after(LOOK_MS, look);

  function look(): void {
    cancel = clock.after(LOOK_MS, look);
    const now = stamp(paths());
    if (now === seen) return;
    seen = now;
    onChange();
  }
  return () => cancel();
}

function stamp(paths: readonly string[]): string {
  return paths.map((path) => `${path} ${stampOf(path)}`).join('\n');
}

/** Another text after a change. What cannot be looked at, for whatever reason, is as if it were not there. */
export function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'missing';
  }
}
