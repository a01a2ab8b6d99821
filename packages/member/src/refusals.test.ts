// Mutations seen red: no limit of lines under one code; no limit of lines at all; no limit of tallies; the tally kept by
// full address; nothing said at the end of the period; the period's count not cleared; refusals above the limit not counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { createRefusals } from './refusals.ts';

type Line = { code: string; from: string; count?: number; message: string };

function setUp() {
  const lines: Line[] = [];
  const counted: string[] = [];
  let due: (() => void) | undefined;
  const none = (): void => {};
  const warn = (fields: object, message: string): void => void lines.push({ ...(fields as Line), message });
  const refusals = createRefusals({
    log: { debug: none, info: none, error: none, warn },
    clock: {
      after: (_ms, callback) => {
        due = callback;
        return () => (due = undefined);
      },
    },
    count: (code) => counted.push(code),
  });
  const note = (from: string, code: 'M4C_MALFORMED' | 'M4C_REPLAY' = 'M4C_MALFORMED'): void =>
    refusals.note(new Mom4cError(code, 'why'), from);
  return { lines, counted, note, refusals, isPlanned: () => due !== undefined, endPeriod: () => due?.() };
}

const TE3 = 'te3@alpha.test';

test('each refusal is a line, at once', () => {
  const { lines, note } = setUp();
  note(`${TE3}/a`);
  note('te3-nick');
  const line = { code: 'M4C_MALFORMED', detail: 'why', message: 'refused' };
  assert.deepEqual(lines, [
    { ...line, from: `${TE3}/a` },
    { ...line, from: 'te3-nick' },
  ]);
});

test('of a flood ten are told, all are counted, and the rest is one line at the end of the period', () => {
  const { lines, counted, note, endPeriod } = setUp();
  for (let index = 0; index < 1000; index++) note(`${TE3}/${index}`);
  assert.equal(lines.length, 10);
  assert.equal(counted.length, 1000);
  endPeriod();
  assert.deepEqual(lines.slice(10), [
    { code: 'M4C_MALFORMED', from: TE3, count: 990, message: 'refused more' },
  ]);
  note(TE3);
  assert.equal(lines.length, 12, 'a new period');
});

test('a flood hides neither another sender nor another code', () => {
  const { lines, note } = setUp();
  for (let index = 0; index < 50; index++) note(TE3);
  note('te4@alpha.test/x');
  note(TE3, 'M4C_REPLAY');
  assert.deepEqual(
    lines.slice(10).map(({ code, from }) => [code, from]),
    [
      ['M4C_MALFORMED', 'te4@alpha.test/x'],
      ['M4C_REPLAY', TE3],
    ],
  );
});

test('many names fill neither the memory nor the log', () => {
  const { lines, counted, note, endPeriod } = setUp();
  for (let index = 0; index < 10_000; index++) for (let turn = 0; turn < 3; turn++) note(`nick${index}`);
  const told = lines.length;
  assert.ok(told <= 200, `${told} lines`);
  endPeriod();
  const summaries = lines.slice(told);
  assert.ok(summaries.length <= 101, `${summaries.length} lines`);
  assert.equal(
    summaries.reduce((sum, { count = 0 }) => sum + count, told),
    counted.length,
  );
});

test('nothing is planned while nothing is refused, nor after the end', () => {
  const { isPlanned, note, refusals, lines } = setUp();
  assert.ok(!isPlanned());
  for (let index = 0; index < 12; index++) note(TE3);
  assert.ok(isPlanned());
  refusals.flush();
  assert.ok(!isPlanned());
  assert.equal(lines.at(-1)?.count, 2);
});
