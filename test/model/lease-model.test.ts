// Seen red: the model without compare-and-set, without the fence, without the log, and with epochs that are revisions of the
// store; each is a test here.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const MODEL = join(import.meta.dirname, 'lease.pml');

/** Goes through every order in which the model can run. */
function check(variant: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-spin-'));
  try {
    execFileSync('spin', [...variant, '-a', MODEL], { cwd: folder });
    execFileSync('gcc', ['-w', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c'], { cwd: folder });
    return spawnSync('./pan', ['-m200000'], { cwd: folder, encoding: 'utf8' }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function holds(variant: readonly string[]): void {
  const report = check(variant);
  assert.match(report, /errors: 0/);
  assert.doesNotMatch(report, /max search depth too small|Search not completed/);
}

for (const [managers, writes] of [
  [2, 4],
  [3, 2],
])
  test(`${managers} managers, ${writes} writes: in no order do two command under one epoch, or is an old one obeyed`, () =>
    holds([`-DMANAGERS=${managers}`, `-DWRITES=${writes}`]));

test('a store that loses nothing is enough for that, and without compare-and-set it is not', () => {
  holds(['-DLOSSLESS', '-DNO_LEAD']);
  assert.match(check(['-DLOSSLESS', '-DNO_LEAD', '-DNO_CAS']), /assertion violated \(\(owner\[epoch\]==0\)/);
});

test('without the fence an old epoch is obeyed', () => {
  assert.match(check(['-DNO_FENCE']), /assertion violated \(epoch>=acted\)/);
});

test('without the log two command under one epoch once the store has lost a write', () => {
  assert.match(check(['-DNO_LEAD']), /assertion violated \(\(owner\[epoch\]==0\)/);
});

test('with revisions for epochs nobody can lead once the store has lost a write', () => {
  assert.match(check(['-DBY_REVISION']), /assertion violated \(known>opened\)/);
});
