/**
 * Identity providers that others wrote, and our authentication agents: each way of log-in does what docs/federation-idp.md
 * says.
 *
 * Mutations seen red: the session is never shown; no certificate is shown.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMatrix, pageWith, type Row } from './identity-provider-matrix.ts';

const matrix = await openMatrix();
after(() => matrix.stop());
const rows: Row[] = [];

for (const { row, run } of matrix.cells)
  test(`${row.provider}: ${row.way}`, async () => {
    const seen = await run();
    rows.push(seen);
    assert.deepEqual(seen, row);
  });

test('docs/federation-idp.md says what was seen', () => {
  const { expected, actual } = pageWith(rows);
  assert.equal(actual, expected, 'docs/federation-idp.md is out of date: run `npm run docs:idp`');
});
