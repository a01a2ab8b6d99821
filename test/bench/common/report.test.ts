// Mutation seen red: what stood in the marked place kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placed, table } from './report.ts';

test('the page keeps all but what it marks with that name', () => {
  const page =
    'before\n<!-- ejabberd -->\nold\n<!-- end ejabberd -->\nafter <!-- prosody -->x<!-- end prosody -->';
  assert.equal(
    placed(page, 'ejabberd', 'new'),
    'before\n<!-- ejabberd -->\nnew\n<!-- end ejabberd -->\nafter <!-- prosody -->x<!-- end prosody -->',
  );
  assert.throws(() => placed('nothing', 'ejabberd', 'new'), /no place for ejabberd/);
});

test('a table has a head and a line for each row', () => {
  assert.equal(table(['a', 'b'], [['1', '2']]), '| a | b |\n| --- | --- |\n| 1 | 2 |');
});
