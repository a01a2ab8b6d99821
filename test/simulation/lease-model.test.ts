// Seen red: the model without compare-and-set, and without the fence; each is a test here.
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
    execFileSync('gcc', ['-O1', '-w', '-DSAFETY', '-o', 'pan', 'pan.c'], { cwd: folder });
    return spawnSync('./pan', ['-m100000'], { cwd: folder, encoding: 'utf8' }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('lease and fence: in no order do two command under one epoch, or is an old one obeyed', () => {
  const report = check([]);
  assert.match(report, /errors: 0/);
  assert.doesNotMatch(report, /max search depth too small|Search not completed/);
});

test('without compare-and-set two managers command under one epoch', () => {
  assert.match(check(['-DNO_CAS']), /assertion violated \(\(owner\[epoch\]==0\)/);
});

test('without the fence an old epoch is obeyed', () => {
  assert.match(check(['-DNO_FENCE']), /assertion violated \(epoch>=acted\)/);
});
