// Mutations seen red: the file made without a mode; `forget` without its limit; a broken file taken for a new one.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { openRecordFile } from './record-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-record-file-'));
after(() => rmSync(folder, { recursive: true }));

const START = 1_700_000_000_000;
const ALPHA = 'alpha.test';
const BETA = 'beta.test';
const idOf = (n: number): string => `01890a5d-ac96-774b-bcce-${String(n).padStart(12, '0')}`;
const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;
const done = { state: 'ok', result: {} } as const;

test('the file is for its owner, outlives the process, and a damaged one stops the start', () => {
  const path = join(folder, 'state/record.sqlite');
  const file = openRecordFile(path);
  file.raiseEpoch(ALPHA, { generation: 1, counter: 7 });
  file.begin(ALPHA, idOf(1), START);
  file.answer(ALPHA, [idOf(1), idOf(2)], done, START + 1);
  file.begin(ALPHA, idOf(3), START + 2);
  for (const each of [path, `${path}-wal`]) assert.equal(statSync(each).mode & 0o777, 0o600, each);
  file.close();
  const again = openRecordFile(path);
  assert.deepEqual([...again.epochs()], [[ALPHA, { generation: 1, counter: 7 }]]);
  assert.deepEqual(again.find(ALPHA, idOf(2)), { answer: done });
  assert.deepEqual(again.find(ALPHA, idOf(3)), { answer: undefined });
  assert.deepEqual([again.find(ALPHA, idOf(4)), again.find(BETA, idOf(1))], [undefined, undefined]);
  assert.equal(again.count(), 3);
  assert.throws(() => again.begin(ALPHA, idOf(3), START), code('M4C_RECORD'));
  assert.equal(again.forget(START + 2, 1), 1, 'the oldest, and no more than asked for');
  assert.deepEqual([again.find(ALPHA, idOf(1)), again.count()], [undefined, 2]);
  again.close();
  writeFileSync(path, 'not a database, but long enough to be taken for the header of one');
  assert.throws(() => openRecordFile(path), code('M4C_CONFIG'));
});
