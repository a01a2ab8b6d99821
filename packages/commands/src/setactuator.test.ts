// Mutations seen red, one each: any text as a name; a value below zero; the value not handed on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError, parseArguments, runCommand, systemClock } from '@mom4c/core';
import type { ActuatorRecord } from '@mom4c/core';
import { listactuators, setactuator } from './index.ts';

const fan: ActuatorRecord = { name: 'fan', value: 3, max: 255, safe: 0 };

function contextWith(set: (name: string, value: number) => Promise<void>) {
  const sensors = { list: async () => [], read: async () => ({ n: 'x' }) };
  const actuators = { list: async () => [fan], set };
  const manager = { take: async () => 'cm9' };
  const node = { name: 'te1', version: '0.0.0', startedAt: 0 };
  return { node, sensors, actuators, manager, clock: systemClock, signal: new AbortController().signal };
}

test('it sets once what it was told, and says so', async () => {
  const calls: unknown[] = [];
  const context = contextWith(async (...call) => void calls.push(call.slice(0, 2)));
  const args = { actuator: 'fan', value: 200 };
  assert.deepEqual(await runCommand(setactuator, args, context), args);
  assert.deepEqual(calls, [['fan', 200]]);
  assert.deepEqual(await runCommand(listactuators, {}, context), { actuators: [fan] });
});

test('it must not be done twice, and its arguments are a name and a whole number', () => {
  assert.equal(setactuator.idempotent, false);
  const bad = [
    ...['../fan', 'Fan', '', 'x'.repeat(41)].map((actuator) => ({ actuator, value: 1 })),
    ...[-1, 1.5, 1_000_001, '1', null].map((value) => ({ actuator: 'fan', value })),
    { actuator: 'fan' },
    { actuator: 'fan', value: 1, more: 1 },
  ];
  for (const args of bad)
    assert.throws(
      () => parseArguments(setactuator, args),
      (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_BAD_ARGUMENTS',
      JSON.stringify(args),
    );
});
