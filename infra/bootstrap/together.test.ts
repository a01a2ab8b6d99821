// Mutations seen red: files grouped by the first folder alone; the exit code ignored ("in the middle"); the sum read before a
// group has run.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { runTogether } from './together.ts';

const root = mkdtempSync(join(tmpdir(), 'mom4c-together-'));
after(() => rmSync(root, { recursive: true }));

/** Passes once in each process. */
const ONCE = `import assert from 'node:assert/strict';
import { test } from 'node:test';
test('first of its process', () => assert.equal((globalThis.times = (globalThis.times ?? 0) + 1), 1));
test.skip('not yet', () => {});
`;

function run(files: Readonly<Record<string, string>>): ReturnType<typeof runTogether> {
  const paths = Object.entries(files).map(([name, text]) => {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  });
  return runTogether({ files: paths, root, concurrency: 2, timeout: 10_000, print: () => {} });
}

test('files of one folder share a process, those of two do not', async () => {
  assert.deepEqual(await run({ 'packages/a/src/one.test.mjs': ONCE, 'packages/b/src/two.test.mjs': ONCE }), {
    ...{ passed: 2, failed: 0, skipped: 2 },
  });
  assert.deepEqual(await run({ 'packages/c/src/one.test.mjs': ONCE, 'packages/c/src/two.test.mjs': ONCE }), {
    ...{ passed: 1, failed: 1, skipped: 2 },
  });
});

test('a file that does not load counts as failed', async () => {
  const { failed } = await run({ 'packages/d/src/broken.test.mjs': "import './none.mjs';" });
  assert.equal(failed, 1);
});

test('a process that ends in the middle counts as failed', async () => {
  const dies = "import { test } from 'node:test'; test('dies', () => process.exit(3));";
  const { failed } = await run({ 'packages/e/src/dies.test.mjs': dies });
  assert.equal(failed, 1);
});
