// Mutation seen red: the share of a percentile taken from the wrong end; shares of `floor` instead of `plain`; look-ups
// of the last process only.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureOf, percentile, tablesOf, withTables } from './figures.ts';

const LATENCIES = Array.from({ length: 100 }, (_, index) => index + 1);

test('a percentile is the value that this share of all stay below', () => {
  assert.equal(percentile(LATENCIES, 0.5), 51);
  assert.equal(percentile(LATENCIES, 0.99), 100);
  assert.equal(percentile([7], 0.99), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

const measured = { seconds: 2, latencies: LATENCIES, errors: {} };
const before = { client: { cpu: 1, lookups: 5 }, server: { cpu: 10 } };
const after = { client: { cpu: 1.5, lookups: 7 }, server: { cpu: 10.1 } };

test('a figure has what each process used and asked between two looks, per answer', () => {
  const { perSecond, cpu, lookups } = figureOf('plain', 4, measured, before, after);
  assert.equal(perSecond, 50);
  assert.deepEqual(cpu, { client: 5, server: 1 });
  assert.equal(lookups, 2);
});

const ABOUT = {
  date: '',
  commit: '',
  machine: { cpu: '', cores: 2, node: '' },
  server: 'ejabberd',
  secondsEach: 2,
  resultOctets: 1,
};

test('the tables set each path in relation to what goes in the clear', () => {
  const plain = figureOf('plain', 4, measured, before, after);
  const slow = { ...measured, seconds: 8, latencies: LATENCIES.slice(50) };
  const sealed = figureOf('sealed', 4, slow, before, after);
  const about = {
    date: '',
    commit: '',
    machine: { cpu: '', cores: 2, node: '' },
    server: '',
    secondsEach: 2,
  };
  const tables = tablesOf({ ...about, resultOctets: 1, figures: [plain, sealed] });
  assert.match(
    tables,
    /\| in flight \| plain \| sealed \|\n\| --- \| --- \| --- \|\n\| 4 \| 1\.00 \| 0\.13 \|/,
  );
  assert.match(tables, /\| sealed \| 10\.00 \| 2\.00 \| 12\.00 \| 2\.0 \|/);
});

test('the page keeps all but what it marks for that server', () => {
  const report = { ...ABOUT, figures: [figureOf('plain', 4, measured, before, after)] };
  const page =
    'before\n<!-- ejabberd -->\nold\n<!-- end ejabberd -->\nafter <!-- prosody -->x<!-- end prosody -->';
  const made = withTables(page, report);
  assert.ok(made.startsWith('before\n<!-- ejabberd -->\nRun of'));
  assert.ok(made.endsWith('\n<!-- end ejabberd -->\nafter <!-- prosody -->x<!-- end prosody -->'));
  assert.doesNotMatch(made, /old/);
  assert.throws(() => withTables('nothing', report), /no place for ejabberd/);
});
