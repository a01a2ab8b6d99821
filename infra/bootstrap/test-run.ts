/** Runs test files with node:test, each in a process of its own, and counts what happened. */
import { statSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { type EventData, run } from 'node:test';
import { spec } from 'node:test/reporters';

export type Counts = { passed: number; failed: number; skipped: number };
export type TestRun = {
  files: string[];
  concurrency: number /** of each test, milliseconds */;
  timeout: number;
  /** Of the test processes; ours by default. */
  env?: NodeJS.ProcessEnv;
};

/** Of the files that took longest, so many are named, of those above that. Milliseconds. */
const SLOWEST = { count: 8, above: 10_000 };

/** Octets; no test file has so many. */
const HUGE = 1_000_000;

/** No test is at work for this long after its time is up: milliseconds. */
const GRACE = 10_000;

export const noCounts: Counts = { passed: 0, failed: 0, skipped: 0 };

export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

export function countsLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * The report goes to stdout. A file that does not load, and a test that was cancelled, count as failed; so does a file
 * whose tests are done but whose process does not end, since a product that leaks handles does not stop either.
 */
export async function runTests({ files, concurrency, timeout, env = process.env }: TestRun): Promise<Counts> {
  if (files.length === 0) return noCounts;

  let counts = noCounts;
  const ordered = longestFirst(files);
  const unfinished = new Set(ordered);
  const durations = new Map<string, number>();
  const abort = new AbortController();
  const events = run({
    files: ordered,
    concurrency,
    timeout,
    env,
    isolation: 'process',
    signal: abort.signal,
  });
  const idle = setTimeout(() => {
    // Reports come in the order of the files, so silence is that of the first one.
    const [file] = unfinished;
    console.log(`\n${file} does not end: a handle is open after its tests, or a hook hangs`);
    abort.abort();
  }, timeout + GRACE);

  events.on('data', () => idle.refresh());
  events.on('test:summary', (summary) => {
    // Each file has a summary of its own; the one without a file is that of the whole run.
    if (summary.file === undefined) {
      counts = countsOf(summary);
      return;
    }
    unfinished.delete(summary.file);
    durations.set(summary.file, summary.duration_ms);
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
  clearTimeout(idle);
  for (const line of slowestFiles(durations)) console.log(line);
  return counts;
}

/** Of those that take long, what their size does not tell; the longest first. */
const LONG = [
  'federation-broken-links',
  'fail-over-separations',
  'three-machines',
  'fail-over-faults',
  'fail-over',
  'first-start',
  'doctor',
];

/** So that no long one is left over for the end, when the other processes have nothing to do any more. */
function longestFirst(files: readonly string[]): string[] {
  const rank = (file: string): number => {
    const place = LONG.findIndex((name) => basename(file).startsWith(`${name}.`));
    return place < 0 ? statSync(file).size : (LONG.length - place) * HUGE;
  };
  const ranks = new Map(files.map((file) => [file, rank(file)]));
  return files.toSorted((a, b) => ranks.get(b)! - ranks.get(a)!);
}

function slowestFiles(durations: ReadonlyMap<string, number>): string[] {
  const slow = [...durations].filter(([, duration]) => duration > SLOWEST.above);
  return slow
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SLOWEST.count)
    .map(([file, duration]) => `${(duration / 1000).toFixed(0).padStart(4)} s  ${relative('.', file)}`);
}

export function countsOf({ success, counts }: EventData.TestSummary): Counts {
  const skipped = counts.skipped + counts.todo;
  const failed = counts.tests - counts.passed - skipped;
  // A suite that fails outside its tests fails the run, though no test is counted.
  return { passed: counts.passed, failed: success ? failed : Math.max(failed, 1), skipped };
}
