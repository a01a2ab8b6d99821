// Mutations seen red: `save` without the write; no floor after a reboot; a damaged file read as no floor;
// an empty file read as no floor; no first record in a new file.
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

const clock = { now: () => 1_800_000_000_000 };
const BOOT = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
const OTHER_BOOT = 'bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee';

test('what was saved is there for the next process, and for its owner only', () => {
  const path = join(folder, 'new', 'floor');
  const first = openFloorFile(path, clock);
  assert.equal(first.load(), 0);
  first.save(1_700_000_000_000);
  first.save(1_700_000_000_001);
  // Not closed: a process that is killed closes nothing either.
  const second = openFloorFile(path, clock);
  assert.equal(second.load(), 1_700_000_000_001);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  first.close();
  second.close();
});

test('after a reboot, which may have lost the last write, the floor is the time of the start', () => {
  const path = join(folder, 'rebooted');
  const before = openFloorFile(path, clock, BOOT);
  before.save(1_700_000_000_000);
  before.close();
  const after = openFloorFile(path, clock, OTHER_BOOT);
  assert.equal(after.load(), clock.now());
  after.save(1_900_000_000_000);
  after.close();
  const later = openFloorFile(path, clock, BOOT);
  assert.equal(later.load(), 1_900_000_000_000, 'never lower than what was stored');
  later.close();
});

test('an empty file is what a power cut left: the floor is the time of the start', () => {
  const path = join(folder, 'empty');
  writeFileSync(path, '');
  const opened = openFloorFile(path, clock, BOOT);
  assert.equal(opened.load(), clock.now());
  opened.close();
});

test('a file that was made under this boot and never written stands for no floor, until the next boot', () => {
  const path = join(folder, 'unused');
  for (const [boot, floor] of [
    [BOOT, 0],
    [BOOT, 0],
    [OTHER_BOOT, clock.now()],
  ] as const) {
    const opened = openFloorFile(path, clock, boot);
    assert.equal(opened.load(), floor);
    opened.close();
  }
});

test('a damaged file is refused, not taken for no floor', () => {
  const good = `${'1'.repeat(16)} ${BOOT}\n`;
  for (const content of [
    '1',
    good.slice(1),
    `${good}x`,
    good.replace('1', 'x'),
    '\xff'.repeat(54),
    '\0'.repeat(54),
  ]) {
    const path = join(folder, 'damaged');
    writeFileSync(path, content, 'latin1');
    assert.throws(
      () => openFloorFile(path, clock).close(),
      (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_CONFIG',
      JSON.stringify(content),
    );
  }
});
