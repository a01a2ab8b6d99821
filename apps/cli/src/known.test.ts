// Mutations seen red: a home that is not there made; sensors of any name kept.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keepKnown, readKnown } from './known.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-known-'));
after(() => rmSync(folder, { recursive: true }));

test('what is known is kept by kind, for its owner alone, and only names that a shell takes as they are', () => {
  const env = { HOME: folder };
  assert.deepEqual(readKnown(env), { nodes: {}, sensors: [], partners: [] });
  keepKnown({ nodes: { te1: { site: 'roof' } } }, env);
  keepKnown({ sensors: ['host/load1', 'host/load1', '$(reboot)', 'a b'] }, env);
  keepKnown({ partners: ['beta.test'] }, env);
  const partners = ['beta.test'];
  assert.deepEqual(readKnown(env), { nodes: { te1: { site: 'roof' } }, sensors: ['host/load1'], partners });
  assert.equal(statSync(join(folder, '.cache/mom4c/known.json')).mode & 0o777, 0o600);
});

test('whoever has no home is not given one', () => {
  const env = { HOME: join(folder, 'none') };
  keepKnown({ sensors: ['host/load1'] }, env);
  assert.equal(existsSync(env.HOME), false);
});
