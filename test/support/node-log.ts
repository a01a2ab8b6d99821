/** The log of a node as a test reads it: what it says after a mark, awaited by the file's own events. */
import { readFileSync, watch } from 'node:fs';

export type LogLine = {
  readonly msg: string;
  readonly code?: string;
  readonly detail?: string;
  readonly id?: string;
  readonly executor?: string;
  readonly state?: string;
};

/** How many lines there were. */
export type Mark = number;

export type NodeLog = {
  mark(): Mark;
  since(mark: Mark): readonly LogLine[];
  /** The first `count` lines after the mark that fit, as soon as there are so many. */
  next(mark: Mark, what: string, fits: (line: LogLine) => boolean, count?: number): Promise<LogLine[]>;
};

/** Generous: a machine under load must not fail a test. */
const LIMIT_MS = 30_000;

export function openNodeLog(file: string): NodeLog {
  const since = (mark: Mark): readonly LogLine[] => lines(file).slice(mark);
  return {
    since,
    mark: () => lines(file).length,
    next: (mark, what, fits, count = 1) =>
      whenWritten(file, what, () => {
        const found = since(mark).filter(fits);
        return found.length < count ? undefined : found.slice(0, count);
      }),
  };
}

/** Looks at once and after each change of the file, until there is an answer. */
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
      const tail = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
      reject(new Error(`no ${what} in ${file} within ${LIMIT_MS / 1000} s; it ends with\n${tail}`));
    }, LIMIT_MS);
    again();
  });
}

/** Without a last line that is still being written. */
function lines(file: string): LogLine[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => (line.startsWith('{') ? (JSON.parse(line) as LogLine) : { msg: line }));
}
