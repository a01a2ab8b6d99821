// Mutation seen red: shares of `floor` instead of `plain`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureOf } from '../common/figures.ts';
import { tablesOf } from './figures.ts';

const LATENCIES = Array.from({ length: 100 }, (_, index) => index + 1);

const measured = { seconds: 2, latencies: LATENCIES, errors: {} };
const before = { client: { cpu: 1, lookups: 5 }, server: { cpu: 10 } };
const after = { client: { cpu: 1.5, lookups: 7 }, server: { cpu: 10.1 } };

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
