// Mutations seen red, one each: an unknown field ignored; targets not checked; no upper bound of the timeout; `true` read
// as text; numbers read by Number alone; an empty field taken for a value.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS, listsensors, nodes, readsensor } from '@mom4c/commands';
import { Mom4cError, defineCommand, parseArguments } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import * as z from 'zod';
import { askedIn, formOf } from './command-form.ts';

const filled = (values: Record<string, string[]>) => new Map(Object.entries(values));
const refused = (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === 'M4C_BAD_ARGUMENTS';

test('every command has a form, or needs none, and its arguments are not named like our own fields', () => {
  for (const command of COMMANDS) {
    const names = formOf(command)?.fields.map(({ name }) => name) ?? [];
    assert.equal(new Set(names).size, names.length, command.name);
  }
  assert.equal(formOf(nodes), undefined);
});

test('the form of a command: its arguments with their descriptions, targets, and a time', () => {
  const { title, fields } = formOf(readsensor)!;
  assert.equal(title, 'readsensor');
  assert.deepEqual(
    fields.map(({ name, type, required, values }) => [name, type, required, values]),
    [
      ['sensor', 'text-single', true, []],
      ['targets', 'text-multi', false, []],
      ['labels', 'text-multi', false, []],
      ['timeout', 'text-single', false, ['10s']],
    ],
  );
  assert.equal(fields[0]!.description, 'Name as listsensors shows it');
});

test('what is filled in becomes arguments, targets and a time', () => {
  const values = {
    FORM_TYPE: ['x'],
    sensor: ['host/load1'],
    targets: ['te1, te2', ' te1 ', ''],
    labels: ['site=roof', 'old!=yes'],
    timeout: ['2.5s'],
  };
  assert.deepEqual(askedIn(readsensor, filled(values)), {
    args: { sensor: 'host/load1' },
    targets: ['te1', 'te2'],
    labels: ['site=roof', 'old!=yes'],
    timeout: 2_500,
  });
  const all = { args: {}, targets: undefined, labels: undefined, timeout: 10_000 };
  assert.deepEqual(askedIn(listsensors, filled({ targets: [''], timeout: [''] })), all);
  assert.deepEqual(askedIn(nodes, new Map()), all);
});

test('refused: unknown fields, no names, no durations', () => {
  askedIn(listsensors, filled({ timeout: ['20s'] }));
  const wrong: Record<string, string[]>[] = [
    { sensor: ['x'] },
    { constructor: ['x'] },
    { targets: ['TE1'] },
    { targets: ['../te1'] },
    { labels: ['=x'] },
    { labels: ['a,'.repeat(100)] },
    { timeout: ['21s'] },
    { timeout: ['999ms'] },
    { timeout: ['soon'] },
    { timeout: ['5s', '6s'] },
  ];
  for (const values of wrong)
    assert.throws(() => askedIn(listsensors, filled(values)), refused, JSON.stringify(values));
  assert.throws(() => askedIn(nodes, filled({ targets: ['te1'] })), refused);
  assert.throws(() => askedIn(readsensor, filled({ sensor: ['a', 'b'] })), refused);
});

test('each kind of argument has its field, and comes back as its kind', () => {
  const probe = probeOf({
    on: z.boolean().describe('Lit?'),
    level: z.int().min(0).max(10).default(3),
    colour: z.enum(['red', 'blue']),
    names: z.array(z.string()).optional(),
    days: z.array(z.enum(['mon', 'tue'])).optional(),
  });
  assert.deepEqual(
    formOf(probe)!.fields.map(({ name, type, required, values, options }) => [
      name,
      type,
      required,
      values,
      options,
    ]),
    [
      ['on', 'boolean', true, [], undefined],
      ['level', 'text-single', false, ['3'], undefined],
      ['colour', 'list-single', true, [], ['red', 'blue']],
      ['names', 'text-multi', false, [], undefined],
      ['days', 'list-multi', false, [], ['mon', 'tue']],
    ],
  );
  const read = (values: Record<string, string[]>): unknown =>
    parseArguments(probe, askedIn(probe, filled({ on: ['1'], colour: ['red'], ...values })).args);
  assert.deepEqual(read({ level: ['7'], names: ['a', 'b'], days: ['tue'] }), {
    on: true,
    level: 7,
    colour: 'red',
    names: ['a', 'b'],
    days: ['tue'],
  });
  assert.deepEqual(read({ on: ['false'], level: [''] }), { on: false, level: 3, colour: 'red' });
  const wrong: Record<string, string[]>[] = [
    { on: ['yes'] },
    { on: [] },
    { level: ['11'] },
    { level: ['0x7'] },
    { level: ['1', '2'] },
    { colour: ['green'] },
    { days: ['wed'] },
  ];
  for (const values of wrong) assert.throws(() => read(values), refused, JSON.stringify(values));
});

test('an argument that no field can say is found before anybody asks', () => {
  assert.throws(() => formOf(probeOf({ deep: z.strictObject({ a: z.string() }) })), /probe\.deep/);
});

function probeOf(shape: z.ZodRawShape): Command {
  return defineCommand({
    name: 'probe',
    runsOn: 'cm',
    access: 'cluster:read',
    idempotent: true,
    summary: '',
    args: z.strictObject(shape),
    result: z.strictObject({}),
    errors: [],
    examples: [],
    table: { columns: [], rows: () => [] },
    run: async () => ({}),
  });
}
