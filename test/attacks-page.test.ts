// Mutations seen red: a row with the name of a test changed by a letter; with a code that is not in the catalogue; with a file
// that is not there; a row taken out.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isErrorCode } from '@mom4c/core';

const ROOT = join(import.meta.dirname, '..');
const DOCS = join(ROOT, 'docs');
const page = readFileSync(join(DOCS, 'attacks.md'), 'utf8');

type Row = { codes: string[]; stoppedIn: string; file: string; name: string };

const ROW = /^\| .*? \| (.*?) \| \[.*?\]\((.*?)\) \| \[.*?\]\((.*?)\): (.*) \|$/;
const rows: Row[] = page.split('\n').flatMap((line) => {
  const [, gets = '', stoppedIn = '', file = '', name = ''] = ROW.exec(line) ?? [];
  return name === '' ? [] : [{ codes: gets.match(/M4C_[A-Z_]+/g) ?? [], stoppedIn, file, name }];
});

const textOf = (file: string): string => readFileSync(join(DOCS, file), 'utf8');

test('each row has a code of the catalogue or none, a place, and a test of that name', () => {
  assert.ok(rows.length > 30);
  for (const { codes, stoppedIn, file, name } of rows) {
    for (const code of codes) assert.ok(isErrorCode(code), code);
    assert.ok(existsSync(join(DOCS, stoppedIn)), `${name}: ${stoppedIn}`);
    assert.ok(textOf(file).includes(`'${name}'`), `${file} has no test '${name}'`);
  }
});

test('every attack test is on the page', () => {
  const folder = join(ROOT, 'test/integration');
  const files = readdirSync(folder).filter((file) => /^attacks-.*\.test\.ts$/.test(file));
  assert.ok(files.length > 0);
  for (const file of files)
    for (const [, name] of readFileSync(join(folder, file), 'utf8').matchAll(/^test\(\s*'(.*)',/gm))
      assert.ok(
        rows.some((row) => row.name === name),
        `${file}: ${name}`,
      );
});
