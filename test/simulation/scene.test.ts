/** What the letters of the scene may do to what is said by them. */
// Mutation seen red: each copy of the answer is told to who asked (what seed 51008882 showed).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Uuid } from '@mom4c/core';
import { Scene } from './scene.ts';
import { World } from './world.ts';

test('that an order is not taken is said once, however often order and answer come', async () => {
  const world = new World(1);
  const scene = new Scene(world);
  const [manager, executor] = [scene.managers[0]!, scene.executors[0]!];
  scene.startManager(manager);
  scene.startExecutor(executor);
  await world.run(1_000);
  scene.wire.network.duplication = 1;
  const refusals: string[] = [];
  const time = manager.machine.now() - 60_000;
  const order = { kind: 'command', epoch: { generation: 1, counter: 1 }, once: true } as const;
  scene.toExecutor(
    manager.machine.process!,
    executor.machine.name,
    { ...order, id: 'r1' as Uuid, time, expires: time + 1_000 },
    ({ code }) => void refusals.push(code),
  );
  await world.run(5_000);
  assert.deepEqual(refusals, ['M4C_EXPIRED']);
});
