/** Test files that share a process: most of a small one's time is spent on reading what it imports. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

export type Gathered = {
  /** One for each folder two levels below the root: `packages/core.test.mjs`. */
  readonly files: string[];
  /** Where they are. */
  readonly folder: string;
  remove(): void;
};

/**
 * Their tests are those of one file then, in the order of the names; hooks outside of a suite count for all of them. A
 * file that does not load fails, and those behind it are not run.
 */
export function gather(files: readonly string[], root: string): Gathered {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-tests-'));
  const byFolder = Map.groupBy(files, (file) => relative(root, file).split('/').slice(0, 2).join('/'));
  const gathered = [...byFolder].map(([name, members]) => {
    const path = join(folder, name.endsWith('.test.ts') ? name.replace(/ts$/, 'mjs') : `${name}.test.mjs`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, members.map((file) => `await import('${pathToFileURL(file).href}');\n`).join(''));
    return path;
  });
  return { files: gathered, folder, remove: () => rmSync(folder, { recursive: true }) };
}
