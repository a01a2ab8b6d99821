// Mutations seen red, one each: only the first look taken; a file that appears not seen; looks that go on after the end;
// what cannot be looked at ends the program.
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fakeClock } from './test-fakes.ts';
import { watchFiles } from './file-watch.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-file-watch-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

test('what changes, appears, goes or is replaced is told once; what stays is not', () => {
  writeFileSync(at('a'), '1');
  const clock = fakeClock();
  let told = 0;
  const end = watchFiles(
    () => [at('a'), at('b')],
    clock,
    () => void (told += 1),
  );
  const look = (): number => {
    clock.advance(2_000);
    return told;
  };
  assert.equal(look(), 0);
  writeFileSync(at('a'), '22');
  assert.deepEqual([look(), look()], [1, 1]);
  writeFileSync(at('b'), '1');
  assert.equal(look(), 2);
  writeFileSync(at('a.new'), '22');
  renameSync(at('a.new'), at('a'));
  assert.equal(look(), 3);
  rmSync(at('b'));
  assert.deepEqual([look(), look()], [4, 4]);
  end();
  writeFileSync(at('a'), '333');
  assert.equal(look(), 4);
});

test('a path that cannot be looked at is one that is not there', () => {
  writeFileSync(at('c'), '1');
  const clock = fakeClock();
  let told = 0;
  const end = watchFiles(
    () => [at('c')],
    clock,
    () => void (told += 1),
  );
  rmSync(at('c'));
  symlinkSync(at('c'), at('c')); // ELOOP, as EACCES no answer to stat, for root too
  clock.advance(2_000);
  assert.equal(told, 1);
  end();
});
