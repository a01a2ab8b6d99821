// Mutations seen red: files grouped by the first folder alone; a file that does not load caught.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gather } from './together.ts';

const root = mkdtempSync(join(tmpdir(), 'mom4c-together-'));
after(() => rmSync(root, { recursive: true }));

const TEST = "import { test } from 'node:test';\ntest('it', () => {});\n";

function write(name: string, text: string): string {
  const path = join(root, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Prints what TAP says of the tests. */
function runGathered(files: string[]): { status: number | null; stdout: string; count: number } {
  const gathered = gather(files, root);
  try {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = ['--test', '--test-reporter=tap', ...gathered.files];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    return { status, stdout, count: gathered.files.length };
  } finally {
    gathered.remove();
  }
}

test('files of one folder share a process', () => {
  const names = [
    'packages/a/src/one.test.mjs',
    'packages/a/src/b/two.test.mjs',
    'packages/c/src/three.test.mjs',
  ];
  const { status, stdout, count } = runGathered(names.map((name) => write(name, TEST)));
  assert.equal(status, 0, stdout);
  assert.equal(count, 2);
  assert.match(stdout, /^# pass 3$/m);
});

test('a file that does not load fails, whatever else there is', () => {
  const broken = write('packages/d/src/broken.test.mjs', "import './none.mjs';");
  const { status, stdout } = runGathered([write('packages/d/src/a.test.mjs', TEST), broken]);
  assert.equal(status, 1);
  assert.match(stdout, /Cannot find module .*none\.mjs/);
});
