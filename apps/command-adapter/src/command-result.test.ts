// Mutations seen red, one each: outcomes that are not `ok` not said; no bound of the table; the bound without what
// escapes add, or what `printable` adds; no bound of the lines, of a cell, of the note; silence no worse than a refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, systemRandom } from '@mom4c/core';
import { listsensors, nodes } from '@mom4c/commands';
import type { Outcome } from '@mom4c/messaging';
import { MAX_STANZA_OCTETS, NS_COMMANDS, serveAdHoc, xml } from '@mom4c/xmpp';
import type { AdHocHost, Completed } from '@mom4c/xmpp';
import { completedOf } from './command-result.ts';

type Sensor = { n: string; v?: number; vs?: string; u?: string; error?: { code: string; detail: string } };

const outcome = (target: string, sensors: Sensor[]): Outcome => ({
  target,
  state: 'ok',
  result: { sensors },
});
const many = (count: number, more: (index: number) => Partial<Sensor> = () => ({ v: 1, u: '/' })): Sensor[] =>
  Array.from({ length: count }, (_, index) => ({ n: `host/s${index}`, ...more(index) }));
const silent: Outcome = { target: 'te3', state: 'no-answer', error: { code: 'M4C_NO_ANSWER' } };
const unknown: Outcome = { target: 'te4', state: 'unknown', error: { code: 'M4C_OUTCOME_UNKNOWN' } };
const refused: Outcome = {
  target: 'te2',
  state: 'refused',
  error: { code: 'M4C_FORBIDDEN', detail: 'not you' },
};

test('a row for each sensor of each node, and the same in words with whoever did not answer', () => {
  const { table, note } = completedOf(listsensors, [outcome('te1', many(2)), refused, silent]);
  assert.deepEqual(
    table!.columns.map(({ name }) => name),
    ['node', 'sensor', 'value', 'unit', 'error'],
  );
  assert.deepEqual(table!.rows, [
    ['te1', 'host/s0', '1', '/', ''],
    ['te1', 'host/s1', '1', '/', ''],
  ]);
  assert.equal(
    note.text,
    `1 of 3 did it
NODE  SENSOR   VALUE  UNIT  ERROR
te1   host/s0  1      /
te1   host/s1  1      /

NODE  OUTCOME    REASON
te2   refused    M4C_FORBIDDEN: The sender may not do that. (not you)
te3   no-answer  M4C_NO_ANSWER: The target did not answer by the deadline.
`,
  );
});

test('the type of the note says whether it went well', () => {
  const type = (...outcomes: Outcome[]) => completedOf(listsensors, outcomes).note.type;
  const done = outcome('te1', []);
  assert.deepEqual([type(done), type(done, refused), type(done, refused, silent)], ['info', 'warn', 'error']);
  assert.equal(type(done, unknown), 'error');
});

test('what nobody did has no table; what the manager answers has no column for the node', () => {
  assert.equal(completedOf(listsensors, [silent]).table, undefined);
  const answer = { nodes: [{ name: 'cm1', role: 'cm', address: 'cm1@alpha.test', present: true }] };
  const { table } = completedOf(nodes, [{ target: 'cm1', state: 'ok', result: answer }]);
  assert.deepEqual(table!.rows[0]!.slice(0, 2), ['cm1', 'cm']);
});

test('a table that would not fit a stanza is cut, and says so; the note is cut earlier', () => {
  const { table, note } = completedOf(listsensors, [outcome('te1', many(2_000))]);
  const { length } = table!.rows;
  assert.ok(length > 400 && length < 2_000, String(length));
  assert.ok(note.text.includes(`${2_000 - length} rows do not fit`));
  assert.ok(note.text.includes(`… and ${length - 100} more`));
  assert.equal(note.text.match(/^te1 /gm)?.length, 100);
});

test('hostile texts do not make it large', () => {
  const error = (length: number) => ({ code: 'M4C_SENSOR_UNREADABLE' as const, detail: "'".repeat(length) });
  const escaped = (text: string): number => text.replaceAll("'", '&apos;').length;
  const long = completedOf(listsensors, [
    outcome(
      'te1',
      many(2_000, () => ({ error: error(500) })),
    ),
  ]);
  assert.ok(long.table!.rows.flat().reduce((sum, cell) => sum + escaped(cell), 0) < 140_000);
  const one = completedOf(listsensors, [
    outcome(
      'te1',
      many(1, () => ({ error: error(500) })),
    ),
  ]);
  assert.ok(Math.max(...one.note.text.split('\n').map((line) => line.length)) < 200);
  const quoting = Array.from(
    { length: 100 },
    (_, index): Outcome => ({ ...refused, target: `te${index}`, error: error(60) }),
  );
  const all = [
    outcome(
      'te1',
      many(100, () => ({ error: error(60) })),
    ),
    ...quoting,
  ];
  assert.ok(escaped(completedOf(listsensors, all).note.text) < 60_000);
  assert.ok(completedOf(listsensors, all.slice(0, 50)).note.text.includes('te48  refused'));
});

test('what cannot be printed is measured as it is sent', async () => {
  const vs = '\x7f'.repeat(1000);
  const completed = completedOf(listsensors, [
    outcome(
      'te1',
      many(115, () => ({ vs })),
    ),
  ]);
  const { length } = completed.table!.rows;
  assert.ok(length > 20 && length < 115, String(length));
  assert.ok(completed.note.text.includes(`${115 - length} rows do not fit`));
  assert.ok((await octetsSent(completed)) < MAX_STANZA_OCTETS - 2_000);
});

/** Of the answer to whoever runs the command. */
async function octetsSent(completed: Completed): Promise<number> {
  const handlers = new Map<string, Parameters<AdHocHost['onRequest']>[1]>();
  const host = {
    domain: 'commands.alpha.test',
    onRequest: ({ xmlns }: { xmlns: string }, handler: Parameters<AdHocHost['onRequest']>[1]) =>
      handlers.set(xmlns, handler),
  };
  const service = { name: '', list: async () => [], form: async () => undefined, run: async () => completed };
  serveAdHoc(host, service, { clock: systemClock, random: systemRandom });
  const child = xml('command', { xmlns: NS_COMMANDS, node: 'listsensors', action: 'execute' });
  const from = 'ann@alpha.test/a';
  const element = xml('iq', { type: 'set', from, id: '1' }, child);
  const answer = await handlers.get(NS_COMMANDS)!({ from, type: 'set', element, child });
  return Buffer.byteLength(answer!.toString());
}
