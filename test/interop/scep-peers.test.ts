/**
 * SCEP with programs that others wrote: each does its part as docs/scep.md says, with the algorithms that it says.
 *
 * Mutation seen red: no SHA-384 in the capabilities (strongSwan); the content left out of a reply that has none, X.509 v1
 * not read, transaction ids of 64 characters at most (certmonger); BER's constructed string not read (micromdm).
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMatrix, pageWith, rowOf } from './scep-matrix.ts';
import type { Row } from './scep-matrix.ts';

const matrix = await openMatrix();
after(() => matrix.stop());
const rows: Row[] = [];

for (const cell of matrix.cells)
  test(`${cell.peer}: ${cell.operation}: ${cell.outcome}`, async () => {
    const row = await rowOf(cell);
    rows.push(row);
    assert.equal(row.outcome, cell.outcome);
  });

test('docs/scep.md says what was seen', () => {
  const { expected, actual } = pageWith(rows);
  assert.equal(actual, expected, 'docs/scep.md is out of date: run `npm run docs:scep`');
});
