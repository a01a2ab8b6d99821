// Mutations seen red, one each: outcomes that are not `ok` without a note; no bound of the table; the bound without what
// escapes add; notes without a bound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listsensors, nodes } from '@mom4c/commands';
import type { Outcome } from '@mom4c/messaging';
import { completedOf } from './command-result.ts';

const sensors = (target: string, count: number, text = ''): Outcome => ({
  target,
  state: 'ok',
  result: {
    sensors: Array.from({ length: count }, (_, index) => ({
      n: `host/s${index}`,
      v: index,
      u: '/',
      vs: text,
    })),
  },
});
const silent: Outcome = { target: 'te3', state: 'no-answer', error: { code: 'M4C_NO_ANSWER' } };

test('a row for each sensor of each node, and a note for whoever did not answer', () => {
  const refused: Outcome = {
    target: 'te2',
    state: 'refused',
    error: { code: 'M4C_FORBIDDEN', detail: 'not you' },
  };
  const { table, notes } = completedOf(listsensors, [sensors('te1', 2), refused, silent]);
  assert.deepEqual(
    table!.columns.map(({ name }) => name),
    ['node', 'sensor', 'value', 'unit', 'error'],
  );
  assert.deepEqual(table!.rows, [
    ['te1', 'host/s0', '0', '/', ''],
    ['te1', 'host/s1', '1', '/', ''],
  ]);
  assert.deepEqual(notes, [
    { type: 'info', text: '1 of 3 did it' },
    { type: 'error', text: 'te2: refused, M4C_FORBIDDEN: The sender may not do that. not you' },
    { type: 'warn', text: 'te3: no-answer, M4C_NO_ANSWER: The target did not answer by the deadline.' },
  ]);
});

test('what nobody did has no table; what the manager answers has no column for the node', () => {
  assert.equal(completedOf(listsensors, [silent]).table, undefined);
  const answer = { nodes: [{ name: 'cm1', role: 'cm', address: 'cm1@alpha.test', present: true }] };
  const { table } = completedOf(nodes, [{ target: 'cm1', state: 'ok', result: answer }]);
  assert.equal(table!.rows.length, 1);
  assert.deepEqual(table!.rows[0]!.slice(0, 2), ['cm1', 'cm']);
});

test('a table that would not fit a stanza is cut, and says so', () => {
  const hostile = "'".repeat(50);
  const cut = (text: string) => {
    const made = completedOf(listsensors, [sensors('te1', 2_000, text)]);
    const left = made.notes.find(({ text: said }) => said.includes('left out'));
    return { rows: made.table!.rows.length, left: left?.text };
  };
  const plain = cut('');
  assert.ok(plain.rows < 2_000 && plain.rows > 500, String(plain.rows));
  assert.equal(plain.left, `${2_000 - plain.rows} rows left out: ask fewer task executors at once`);
  const errors = Array.from({ length: 2_000 }, (_, index) => ({
    n: `host/s${index}`,
    error: { code: 'M4C_SENSOR_UNREADABLE', detail: hostile },
  }));
  const quoted = completedOf(listsensors, [{ target: 'te1', state: 'ok', result: { sensors: errors } }]);
  const octets = quoted
    .table!.rows.flat()
    .reduce((sum, cell) => sum + cell.replaceAll("'", '&apos;').length, 0);
  assert.ok(octets < 160_000, String(octets));
  const many = Array.from({ length: 900 }, (_, index): Outcome => ({ ...silent, target: `te${index}` }));
  assert.ok(completedOf(listsensors, many).notes.length < 60);
});
