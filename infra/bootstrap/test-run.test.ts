// Mutations seen red: the environment of a file left out; counts of the first file alone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Counts, TestFile } from './test-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-test-run-'));
after(() => rmSync(folder, { recursive: true }));

/** In a process of its own: node:test runs no files from within a test. */
function run(files: readonly TestFile[]): { counts: Counts; reports: readonly string[] } {
  const program = `
    import { runTests } from ${JSON.stringify(join(import.meta.dirname, 'test-run.ts'))};
    const reports = [];
    const files = ${JSON.stringify(files)};
    const counts = await runTests({ files, concurrency: 2, timeout: 10_000, print: (one) => reports.push(one) });
    console.log(JSON.stringify({ counts, reports }));`;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const path = join(folder, 'run.mts');
  writeFileSync(path, program);
  return JSON.parse(execFileSync(process.execPath, [path], { env, encoding: 'utf8', stdio: 'pipe' }));
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `import assert from 'node:assert/strict';\nimport { test } from 'node:test';\n${text}\n`,
  );
  return path;
}

test('a file runs once for each of its environments, and all are counted', () => {
  const asks = write('asks.test.mjs', "test('asks', () => assert.equal(process.env.ANSWER, '42'));");
  const skips = write('skips.test.mjs', "test('passes', () => {});\ntest.skip('not yet', () => {});");
  const { counts, reports } = run([
    { path: asks, env: { ANSWER: '42' }, note: 'right' },
    { path: asks, env: { ANSWER: '41' }, note: 'wrong' },
    { path: skips },
  ]);
  assert.deepEqual(counts, { passed: 2, failed: 1, skipped: 1 });
  assert.match(reports.find((one) => one.includes('(wrong)'))!, /'41'/);
  assert.equal(reports.length, 3);
});

test('a file that does not load counts as failed, and so does one that ends in the middle', () => {
  const broken = write('broken.test.mjs', "import './none.mjs';");
  const dies = write('dies.test.mjs', "test('dies', () => process.exit(3));");
  const { counts } = run([{ path: broken }, { path: dies }]);
  assert.deepEqual(counts, { passed: 0, failed: 2, skipped: 0 });
});
