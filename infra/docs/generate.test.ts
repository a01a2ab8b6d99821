// Mutation seen red: a word of docs/errors.md changed by hand; the summary of a command changed without `npm run docs`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { documents, root } from './generate.ts';

for (const [path, text] of documents())
  test(`${path} is what its records say`, () => {
    assert.equal(
      readFileSync(join(root, path), 'utf8'),
      text,
      `${path} is out of date: run \`npm run docs\``,
    );
  });
