// Mutations seen red: cells not cut; the last one cut as well; cells not made printable.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from './table.ts';

test('a long cell is cut where columns follow, and whole where none does', () => {
  const long = 'e\u0301'.repeat(300);
  const [head, row] = formatTable(['sensor', 'reason'], [[long, long]]).split('\n');
  const shown = row!.split('  ');
  assert.equal(shown[0], `${'e\u0301'.repeat(119)}…`);
  assert.equal(shown[1], long);
  assert.equal(head!.indexOf('REASON'), 122);
});

test('no cell steers the terminal, begins another line or hides what follows', () => {
  const hostile = 'a\u001b[2J\u009b1m\r\nb\u202ec\u2028d\u200be\u0007\u{e0041}';
  const table = formatTable(['sensor', 'value'], [[hostile, hostile]]);
  assert.equal(table.split('\n').length, 3);
  assert.doesNotMatch(table.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
});
