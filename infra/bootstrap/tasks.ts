/** The tasks behind `npm run check`, `npm test` and the like; started by start.mjs under the pinned Node. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { imports } from './imports.ts';
import { addCounts, type Counts, countsLine, runTests, type TestFile } from './test-run.ts';
import { runTogether } from './together.ts';

const root = join(import.meta.dirname, '../..');
const IGNORED = ['**/node_modules/**', '**/dist/**'];

/** Of what stands in `test`, those that need no server. */
const UNIT_TESTS_OF_TEST = [
  'test/{floors,attacks-page}.test.ts',
  'test/{bench,fuzz,long,saml,simulation}/**/*.test.ts',
];
/** Tests that need no server: beside their sources, and these. */
const UNIT_TESTS = [
  '{packages,apps,infra}/**/src/**/*.test.ts',
  'infra/{bootstrap,build,docs}/*.test.ts',
  ...UNIT_TESTS_OF_TEST,
];
const SERVER_TESTS = ['test/**/*.test.ts'];

/** What imports BOTH runs on each of them, all else once. */
const XMPP_SERVERS = ['ejabberd', 'prosody'];
const BOTH = join(root, 'test/support/xmpp-server.ts');
/** What imports ANY runs on Prosody, which costs less. */
const ANY = join(root, 'test/support/any-server.ts');

const SECOND = 1000;
const UNIT_TIMEOUT = 30 * SECOND;
const SERVER_TIMEOUT = 180 * SECOND;
const SETUP = join(import.meta.dirname, 'start.mjs');
const EX_UNAVAILABLE = 69;
/** On two cores: these wait for servers, leases and deadlines for much of their time. */
const SERVER_CONCURRENCY = 3;

type Outcome = { checked: boolean; counts: Counts };

function find(patterns: string[], except: string[] = []): string[] {
  return globSync(patterns, { cwd: root, exclude: [...IGNORED, ...except] })
    .toSorted()
    .map((path) => join(root, path));
}

function runTool(...[command, ...args]: [string, ...string[]]): boolean {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error) throw error;
  return status === 0;
}

/** turbo skips what has not changed since it last passed. */
function runChecks(): boolean {
  const quiet = ['--output-logs=errors-only', '--log-prefix=none', '--continue'];
  return runTool('turbo', 'run', 'check:types', 'check:lint', 'check:format', ...quiet);
}

function runUnitTests(files = find(UNIT_TESTS)): Promise<Counts> {
  return runTogether({ files, root, concurrency: 2, timeout: UNIT_TIMEOUT });
}

/** Those of both servers side by side. */
function runServerTests(): Promise<Counts> {
  console.log('\nTests with real servers');
  return runWithServers(
    serverTests().flatMap((path): TestFile[] =>
      imports(path, BOTH)
        ? XMPP_SERVERS.map((server) => ({ path, env: { MOM4C_TEST_SERVER: server }, note: server }))
        : [{ path }],
    ),
  );
}

/** On ejabberd what runs on Prosody only. */
function runOnOtherServer(): Promise<Counts> {
  const paths = serverTests().filter((path) => imports(path, ANY) && !imports(path, BOTH));
  return runWithServers(paths.map((path) => ({ path, env: { MOM4C_ANY_SERVER: 'ejabberd' } })));
}

function serverTests(): string[] {
  return find(SERVER_TESTS, UNIT_TESTS_OF_TEST);
}

function runWithServers(files: readonly TestFile[]): Promise<Counts> {
  return runTests({ files, concurrency: SERVER_CONCURRENCY, timeout: SERVER_TIMEOUT });
}

async function check(): Promise<Outcome> {
  return { checked: runChecks(), counts: await runUnitTests() };
}

const tasks: Record<string, (args: string[]) => Promise<Outcome> | boolean> = {
  check,
  async test() {
    const { checked, counts } = await check();
    // What was begun when this was started is waited for; then there is nothing left to do.
    if (!runTool(process.execPath, SETUP, 'setup')) process.exit(EX_UNAVAILABLE);
    return { checked, counts: addCounts(counts, await runServerTests()) };
  },
  /** Part of `npm run test:long`. */
  'other-server': async () => ({ checked: true, counts: await runOnOtherServer() }),
  /** `npm run unit -- packages/core` runs the unit tests below those folders or files only; none given: all. */
  async unit(paths) {
    return {
      checked: true,
      counts: await runUnitTests(find(UNIT_TESTS).filter((file) => chosen(file, paths))),
    };
  },
  lint: (args) => runTool('oxlint', ...args),
  format: (args) => runTool('biome', 'format', '--write', ...args),
};

function chosen(file: string, paths: string[]): boolean {
  return paths.length === 0 || paths.some((path) => file.startsWith(join(root, path)));
}

function report(outcome: Outcome | boolean): boolean {
  if (typeof outcome === 'boolean') return outcome;
  if (!outcome.checked) console.log('\nTypes, lint or format failed; see above.');
  console.log(`\n${countsLine(outcome.counts)}`);
  return outcome.checked && outcome.counts.failed === 0;
}

const [name = '', ...args] = process.argv.slice(2);
const task = tasks[name];
if (!task) throw new Error(`no task ${name}; there are ${Object.keys(tasks).join(', ')}`);
process.exitCode = report(await task(args)) ? 0 : 1;
