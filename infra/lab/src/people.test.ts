// Mutations seen red, one each: `none` kept in the policy; names not checked; roles not checked; one password for all.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Mom4cError, systemRandom } from '@mom4c/core';
import { checkAccounts, peopleHost, policyFor, writeSecrets } from './people.ts';
import type { Accounts } from './people.ts';

test('the policy names whoever has a role', () => {
  const policy = policyFor('people.alpha.test', { ann: 'operator', bob: 'viewer', eve: 'none' });
  assert.deepEqual(policy, { 'ann@people.alpha.test': 'operator', 'bob@people.alpha.test': 'viewer' });
});

test('names and roles are checked before anything is made', () => {
  checkAccounts({ ann: 'operator', 'bob.2': 'none' });
  for (const wrong of [{ Ann: 'viewer' }, { '../ann': 'viewer' }, { 'a"b': 'viewer' }, { ann: 'admin' }])
    assert.throws(
      () => checkAccounts(wrong as unknown as Accounts),
      (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_USAGE',
      JSON.stringify(wrong),
    );
});

test('everybody has a password of his own, which nobody else may read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-people-'));
  try {
    const accounts = { ann: 'operator', 'component-secret': 'viewer' } as const;
    const people = peopleHost(join(folder, 'people'), 'alpha.test', { accounts, componentPort: 20_001 });
    writeSecrets(join(folder, 'people'), people, systemRandom);
    const files = [people.component.secretFile, ...people.accounts.map(({ passwordFile }) => passwordFile)];
    assert.equal(new Set(files.map((file) => readFileSync(file, 'utf8'))).size, 3);
    for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
