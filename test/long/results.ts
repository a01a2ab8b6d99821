/** The last result of each part: kept as JSON, shown in docs/long-tests.md. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Part, PartResult } from './part.ts';

export type Result = PartResult & {
  readonly commit: string;
  /** ISO 8601. */
  readonly date: string;
  readonly seconds: number;
};

const ROOT = join(import.meta.dirname, '../..');
const FILE = join(import.meta.dirname, 'results.json');
const PAGE = join(ROOT, 'docs/long-tests.md');

const HEAD = `# Long tests

Made by \`npm run test:long\`, which takes too long for every change. \`npm run test:long -- NAME\` runs one of them and
leaves the results of the others as they were; \`--minutes N\` shortens a soak. A \`+\` after the commit: there were
changes that were not committed.
`;

/** Before a part runs: what it ran on. */
export function commitOf(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  // What a run before has written is no change of what is tested.
  const changed = git('status', '--porcelain', '--', '.', ':!docs/long-tests.md', ':!test/long/results.json');
  return git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : '+');
}

export function keepResult(part: Part, result: Result, all: readonly Part[]): void {
  const results = { ...readResults(), [part.name]: result };
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(PAGE, pageOf(all, results));
}

type Results = Readonly<Record<string, Result>>;

function readResults(): Results {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Results) : {};
}

export function pageOf(parts: readonly Part[], results: Results): string {
  const rows = parts.map(({ name }) => rowOf(name, results[name]));
  const table = [
    '| Test | Result | Commit | Date | Duration | Counts |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ];
  const what = parts.map((part) => `- \`${part.name}\`: ${part.what}`);
  const faults = parts.flatMap(({ name }) =>
    (results[name]?.faults ?? []).map((fault) => `- \`${name}\`: ${fault}`),
  );
  const sections = [
    HEAD,
    ...table,
    '',
    ...what,
    ...(faults.length > 0 ? ['', '## Faults', '', ...faults] : []),
  ];
  return `${sections.join('\n')}\n`;
}

function rowOf(name: string, result: Result | undefined): string {
  if (!result) return `| ${name} | not run yet | | | | |`;
  const { commit, date, seconds, counts, faults } = result;
  const list = Object.entries(counts).map(([what, count]) => `${what}: ${count}`);
  const state = faults.length === 0 ? 'passed' : 'failed';
  return `| ${name} | ${state} | ${commit} | ${date.slice(0, 16)}Z | ${durationOf(seconds)} | ${list.join('; ')} |`;
}

function durationOf(seconds: number): string {
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`;
}
