// Mutations seen red: `save` without the write; no check of the length; no check of the range.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { openFloorFile } from './floor-file.ts';

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), 'mom4c-floor-'))));
after(() => rmSync(folder, { recursive: true }));

test('what was saved is there for the next process, and for its owner only', () => {
  const path = join(folder, 'new', 'floor');
  const first = openFloorFile(path);
  assert.equal(first.load(), 0);
  first.save(1_700_000_000_000);
  first.save(1_700_000_000_001);
  // Not closed: a process that is killed closes nothing either.
  const second = openFloorFile(path);
  assert.equal(second.load(), 1_700_000_000_001);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  first.close();
  second.close();
});

test('a damaged file is refused, not taken for no floor', () => {
  for (const content of ['1', '\0'.repeat(7), '\0'.repeat(9), '\xff'.repeat(8)]) {
    const path = join(folder, 'damaged');
    writeFileSync(path, content, 'latin1');
    assert.throws(
      () => openFloorFile(path).close(),
      (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_CONFIG',
      JSON.stringify(content),
    );
  }
});
