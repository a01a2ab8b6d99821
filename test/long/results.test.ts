// Mutation seen red: a result with faults shown as passed; faults not listed; minutes not whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Part } from './part.ts';
import { pageOf } from './results.ts';

const part = (name: string): Part => ({ name, what: `what ${name} does`, run: () => Promise.reject() });
const result = {
  commit: '1a2b3c4+',
  date: '2026-06-01T12:34:56.789Z',
  seconds: 119.6,
  counts: { sent: 5, lost: 0 },
};

test('each part has a row: not run, passed or failed, with what was counted', () => {
  const page = pageOf([part('one'), part('two'), part('three')], {
    two: { ...result, faults: [] },
    three: { ...result, faults: ['process 7 is left'] },
  });
  const rows = page.split('\n').filter((line) => /^\| (one|two|three) /.test(line));
  assert.deepEqual(rows, [
    '| one | not run yet | | | | |',
    '| two | passed | 1a2b3c4+ | 2026-06-01T12:34Z | 2 min 0 s | sent: 5; lost: 0 |',
    '| three | failed | 1a2b3c4+ | 2026-06-01T12:34Z | 2 min 0 s | sent: 5; lost: 0 |',
  ]);
  assert.match(page, /## Faults\n\n- `three`: process 7 is left\n$/);
});
