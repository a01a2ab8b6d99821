// Mutations seen red: `<` the other way round; test files counted as sources; a program's source not replaced by what is
// built of it; the check of other properties of import.meta left out.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { isBuilt, PROGRAMS, ROOT } from './built.mjs';
import { placed } from './placed.mjs';

const root = `${mkdtempSync(join(tmpdir(), 'mom4c-built-'))}/`;

after(() => rmSync(root, { recursive: true }));

/** Written so many seconds after a beginning. */
function write(path: string, time: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), '');
  utimesSync(join(root, path), time, time);
}

test('what was built counts until a source is newer', () => {
  for (const name of ['build', 'built', 'placed']) write(`infra/build/${name}.mjs`, 1);
  for (const path of [
    'package-lock.json',
    'packages/core/src/a.ts',
    'apps/cli/src/b/c.ts',
    'infra/lab/src/d.ts',
  ])
    write(path, 1);
  assert.equal(isBuilt(root), false, 'there is nothing yet');
  write('dist/.built', 2);
  assert.equal(isBuilt(root), true);
  for (const other of [
    'apps/cli/src/b/c.test.ts',
    'packages/core/node_modules/e.ts',
    'packages/core/note.md',
  ]) {
    write(other, 3);
    assert.equal(isBuilt(root), true, other);
  }
  for (const source of ['apps/cli/src/b/c.ts', 'infra/lab/src/new.ts', 'packages/core/package.json']) {
    write(source, 3);
    assert.equal(isBuilt(root), false, source);
    rmSync(join(root, source));
    assert.equal(isBuilt(root), true, `without ${source}`);
  }
  write('package-lock.json', 3);
  assert.equal(isBuilt(root), false, 'another version of a library');
});

test('each program has a source', () => {
  for (const path of Object.values(PROGRAMS)) assert.ok(existsSync(ROOT + path), path);
});

test('what a source says of its place stays true', () => {
  const placedAt = (source: string): string => placed(source, join(ROOT, 'apps/task-executor/src/agents.ts'));
  assert.equal(
    placedAt("spawn(new URL('./sensor-agent.ts', import.meta.url))"),
    "spawn(new URL('./sensor-agent.js', import.meta.url))",
  );
  assert.equal(
    placedAt("read(new URL('../templates/', import.meta.url))"),
    "read(new URL('../apps/task-executor/templates/', import.meta.url))",
  );
  assert.equal(
    placedAt('new URL(name, import.meta.url)'),
    "new URL(name, new URL('../apps/task-executor/src/agents.ts', import.meta.url).href)",
  );
  assert.equal(placedAt("createRequire(import.meta.url)('yaml')"), "require('yaml')");
  assert.throws(() => placedAt('import.meta.dirname'), /agents\.ts: import\.meta\.dirname/);
});
