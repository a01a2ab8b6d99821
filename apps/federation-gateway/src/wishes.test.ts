// Mutations seen red, one each: the wish not written; the configuration before the wish; a broken file taken for none.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { openWishes } from './wishes.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-wishes-'));
after(() => rmSync(folder, { recursive: true }));

const always = { domain: 'beta.test', connect: 'always' } as const;
const manual = { domain: 'gamma.test', connect: 'manual' } as const;

test('a wish goes before the configuration, also after a restart', () => {
  const file = join(folder, 'state', 'wishes.json');
  const wishes = openWishes(file);
  assert.deepEqual([wishes.isWanted(always), wishes.isWanted(manual)], [true, false]);
  wishes.set('beta.test', false);
  wishes.set('gamma.test', true);
  assert.deepEqual([wishes.isWanted(always), wishes.isWanted(manual)], [false, true]);
  const again = openWishes(file);
  assert.deepEqual([again.isWanted(always), again.isWanted(manual)], [false, true]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  again.set('beta.test', true);
  assert.equal(openWishes(file).isWanted(always), true);
});

test('a broken file stops the start: nobody comes back by it', () => {
  const file = join(folder, 'broken.json');
  for (const text of ['', '{"wanted":', '{"wanted":{"beta.test":"no"}}', '{"wanted":{"Beta Test":true}}']) {
    writeFileSync(file, text);
    assert.throws(
      () => openWishes(file),
      (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_CONFIG',
    );
  }
});

test('a wish that cannot be written is none', () => {
  writeFileSync(join(folder, 'file'), '');
  const wishes = openWishes(join(folder, 'file', 'wishes.json'));
  assert.throws(() => wishes.set('beta.test', false), Mom4cError);
  assert.equal(wishes.isWanted(always), true);
});
