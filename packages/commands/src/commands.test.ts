// Mutation seen red: `ping` named 'Ping'; `readsensor` with a plain (not strict) args object.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError, findCommand, parseArguments } from '@mom4c/core';
import { COMMANDS, readsensor } from './index.ts';

test('every command has a wire name of its own, a summary and an example that starts as it is called', () => {
  assert.equal(new Set(COMMANDS.map((command) => command.name)).size, COMMANDS.length);
  for (const command of COMMANDS) {
    assert.match(command.name, /^[a-z]+$/);
    assert.match(command.summary, /\.$/);
    assert.ok(command.examples.length > 0, command.name);
    // The last word may be left out where it is `list`.
    const call = `mom4c ${command.verb ?? command.name}`.replace(/ list$/, '');
    for (const example of command.examples) assert.ok(example.line.startsWith(call), example.line);
  }
});

test('arguments are strict', () => {
  assert.deepEqual(parseArguments(readsensor, { sensor: 'host/load1' }), { sensor: 'host/load1' });
  for (const bad of [{}, { sensor: '' }, { sensor: 7 }, { sensor: 'x', more: 1 }, [], null, 'x'])
    assert.throws(
      () => parseArguments(readsensor, bad),
      (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_BAD_ARGUMENTS',
    );
});

test('an unknown command is an error of the catalogue, its name bounded', () => {
  assert.throws(
    () => findCommand(COMMANDS, 'x'.repeat(10_000)),
    (thrown) =>
      thrown instanceof Mom4cError && thrown.code === 'M4C_UNKNOWN_COMMAND' && thrown.message.length < 200,
  );
});
