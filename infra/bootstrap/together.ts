/** Tests that share a process, those of one package or app: most of a small file's time goes into reading what it imports. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { inParallel } from './in-parallel.ts';
import { addCounts, type Counts, noCounts } from './test-run.ts';

export type SharedRun = {
  readonly files: readonly string[];
  /** Files of the same two folders below it share a process. */
  readonly root: string;
  /** Processes at once. */
  readonly concurrency: number;
  /** Of each test, milliseconds. */
  readonly timeout: number;
  /** Takes the report of a group, once it is done; by default to stdout. */
  readonly print?: (report: string) => void;
};

type Group = { readonly report: string; readonly counts: Counts };

/** Of a whole group, milliseconds: who is not done then hangs, or has left a handle open. */
const LIMIT_MS = 10 * 60_000;
/** Few files, and most of the time: it must not be left over for the end. */
const LONGEST = 'test/simulation';
const REPORTER = join(import.meta.dirname, 'counts-reporter.ts');

/** A file that does not load counts as failed. */
export async function runTogether({
  files,
  root,
  concurrency,
  timeout,
  print = (report) => process.stdout.write(report),
}: SharedRun): Promise<Counts> {
  const folderOf = (file: string): string => relative(root, file).split('/').slice(0, 2).join('/');
  const groups = [...Map.groupBy(files, folderOf)]
    .toSorted(
      ([a, one], [b, other]) => Number(b === LONGEST) - Number(a === LONGEST) || other.length - one.length,
    )
    .map(([, group]) => group);
  const done = await inParallel(groups, concurrency, async (group) => {
    const { report, counts } = await runGroup(group, timeout);
    print(report);
    return counts;
  });
  return done.reduce(addCounts, noCounts);
}

async function runGroup(files: readonly string[], timeout: number): Promise<Group> {
  const folder = await mkdtemp(join(tmpdir(), 'mom4c-tests-'));
  try {
    const counted = join(folder, 'counts');
    const reporters = [
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...[`--test-reporter=${REPORTER}`, `--test-reporter-destination=${counted}`],
    ];
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = ['--test', '--test-isolation=none', `--test-timeout=${timeout}`, ...reporters, ...files];
    const child = spawn(process.execPath, args, {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: LIMIT_MS,
    });
    const output: Buffer[] = [];
    child.stdout.on('data', (octets: Buffer) => output.push(octets));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    const text = existsSync(counted) ? readFileSync(counted, 'utf8') : '';
    const counts: Counts = { ...noCounts, ...JSON.parse(text || '{}') };
    // Also if it was killed, or failed outside of a test.
    const failed = code === 0 ? counts.failed : Math.max(counts.failed, 1);
    return { report: Buffer.concat(output).toString(), counts: { ...counts, failed } };
  } finally {
    await rm(folder, { recursive: true });
  }
}
