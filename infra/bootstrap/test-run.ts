/** Runs test files with node:test, each in a process of its own, and counts what happened. */
import { statSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { Readable } from 'node:stream';
import { type EventData, run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { inParallel } from './in-parallel.ts';

export type Counts = { passed: number; failed: number; skipped: number };

export type TestFile = {
  readonly path: string;
  /** Of its process, beside ours. */
  readonly env?: NodeJS.ProcessEnv;
  /** What it is called beside its path. */
  readonly note?: string;
};

export type TestRun = {
  readonly files: readonly TestFile[];
  /** Processes at once. */
  readonly concurrency: number;
  /** Of each test, milliseconds. */
  readonly timeout: number;
  /** Takes the report of a file, once it is done; by default to stdout. */
  readonly print?: (report: string) => void;
};

type Done = {
  readonly file: TestFile;
  readonly counts: Counts;
  /** Milliseconds. */
  readonly duration: number;
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
 * The longest first. A file that does not load, and a test that was cancelled, count as failed; so does a file whose tests
 * are done but whose process does not end, since a product that leaks handles does not stop either.
 */
export async function runTests({
  files,
  concurrency,
  timeout,
  print = (report) => process.stdout.write(report),
}: TestRun): Promise<Counts> {
  const done = await inParallel(longestFirst(files), concurrency, (file) => runFile(file, timeout, print));
  for (const line of slowestFiles(done)) print(`${line}\n`);
  return done.reduce((sum, { counts }) => addCounts(sum, counts), noCounts);
}

async function runFile(file: TestFile, timeout: number, print: (report: string) => void): Promise<Done> {
  const started = performance.now();
  const abort = new AbortController();
  const events = run({
    files: [file.path],
    timeout,
    env: { ...process.env, ...file.env },
    isolation: 'process',
    signal: abort.signal,
  });
  let report = `\n${nameOf(file)}\n`;
  let counts = noCounts;
  const idle = setTimeout(() => {
    report += 'does not end: a handle is open after its tests, or a hook hangs\n';
    abort.abort();
  }, timeout + GRACE);
  /** To the report. How many tests of which kind there were is said once, at the end of all. */
  async function* told(): AsyncGenerator<TestEvent> {
    for await (const event of events as AsyncIterable<TestEvent>) {
      idle.refresh();
      // That of the file has its path; the other one is that of the whole run.
      if (event.type === 'test:summary' && event.data.file === undefined) counts = countsOf(event.data);
      if (event.type !== 'test:diagnostic' || event.data.file !== undefined) yield event;
    }
  }
  for await (const text of Readable.from(told()).compose(spec)) report += text;
  clearTimeout(idle);
  print(report);
  return { file, counts, duration: performance.now() - started };
}

function nameOf({ path, note }: TestFile): string {
  return `${relative('.', path)}${note === undefined ? '' : ` (${note})`}`;
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
function longestFirst(files: readonly TestFile[]): TestFile[] {
  const rank = ({ path }: TestFile): number => {
    const place = LONG.findIndex((name) => basename(path).startsWith(`${name}.`));
    return place < 0 ? statSync(path).size : (LONG.length - place) * HUGE;
  };
  const ranks = new Map(files.map((file) => [file, rank(file)]));
  return files.toSorted((a, b) => ranks.get(b)! - ranks.get(a)!);
}

function slowestFiles(done: readonly Done[]): string[] {
  const slow = done.filter(({ duration }) => duration > SLOWEST.above);
  return slow
    .toSorted((a, b) => b.duration - a.duration)
    .slice(0, SLOWEST.count)
    .map(({ file, duration }) => `${(duration / 1000).toFixed(0).padStart(4)} s  ${nameOf(file)}`);
}

export function countsOf({ success, counts }: EventData.TestSummary): Counts {
  const skipped = counts.skipped + counts.todo;
  const failed = counts.tests - counts.passed - skipped;
  // A suite that fails outside its tests fails the run, though no test is counted.
  return { passed: counts.passed, failed: success ? failed : Math.max(failed, 1), skipped };
}
