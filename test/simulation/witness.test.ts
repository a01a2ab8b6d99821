/** What the witness lets pass and what not, where an executor may say two things about a command. */
// Mutations seen red: only the last answer counts ("what may be done twice"); any answer is one to what must not be done
// twice ("one answer"); what this run did is forgotten ("in the same run"); an outcome that nobody answered passes;
// so does `refused` of what was done, if some letter about it was not taken; any lead opens an epoch, for anybody; any error is one
// after which one asks again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { Uuid } from '@mom4c/core';
import { Witness } from './witness.ts';
import { Machine, Process, World } from './world.ts';

const ID = 'r1' as Uuid;
const outcomeOf = (state: string): string => JSON.stringify([{ target: 'te1', state }]);

test('of what may be done twice the outcome is what one run of an executor said, though the next one knew nothing', () => {
  const { witness, machine } = scene();
  const before = new Process(machine);
  witness.acted(before, ID, false);
  witness.answered(before, ID, false, 'ok');
  witness.answered(new Process(machine), ID, false, 'refused');
  witness.outcome(ID, outcomeOf('ok'));
  assert.deepEqual(witness.faults, []);
});

test('in the same run an executor remembers that as well', () => {
  const { witness, machine } = scene();
  const process = new Process(machine);
  witness.acted(process, ID, false);
  witness.answered(process, ID, false, 'refused');
  assert.deepEqual(witness.faults, ['said not to be begun: r1, on which it acted']);
});

test('what was said not to be begun is never begun, also if it may be done twice', () => {
  const { witness, machine } = scene();
  witness.answered(new Process(machine), ID, false, 'refused');
  witness.acted(new Process(machine), ID, false);
  assert.deepEqual(witness.faults, ['an act on r1 that was said not to be begun']);
});

test('what must not be done twice has one answer, over all runs', () => {
  const { witness, machine } = scene();
  const before = new Process(machine);
  witness.acted(before, ID, true);
  witness.answered(before, ID, true, 'ok');
  witness.answered(new Process(machine), ID, true, 'unknown');
  assert.deepEqual(witness.faults, ['answers about r1: ok and unknown']);
});

test('an outcome is what the target answered, or that it did not', () => {
  const { witness, machine } = scene();
  witness.outcome(ID, outcomeOf('no-answer'));
  assert.deepEqual(witness.faults, []);
  witness.answered(new Process(machine), 'r2' as Uuid, true, 'refused');
  witness.outcome('r2' as Uuid, outcomeOf('ok'));
  assert.deepEqual(witness.faults, ['outcome ok of r2 at te1, which answered refused']);
});

test('what was not taken is refused, unless the target has acted on it by another letter', () => {
  const { witness, machine } = scene();
  const process = new Process(machine);
  witness.notTaken(process, ID);
  witness.outcome(ID, outcomeOf('refused'));
  assert.deepEqual(witness.faults, []);
  witness.notTaken(process, 'r2' as Uuid);
  witness.acted(process, 'r2' as Uuid, true);
  witness.answered(process, 'r2' as Uuid, true, 'ok');
  witness.outcome('r2' as Uuid, outcomeOf('refused'));
  assert.deepEqual(witness.faults, ['outcome refused of r2 at te1, which answered ok']);
});

test('nothing is said under an epoch before the log has opened it for who says it', () => {
  const { witness, machine } = scene();
  const [manager, epoch] = [new Process(machine), { generation: 1, counter: 2 }];
  witness.recorded({ kind: 'lead', manager: 'te1', epoch });
  witness.accepts(manager, ID, epoch);
  assert.deepEqual(witness.faults, []);
  witness.recorded({ kind: 'lead', manager: 'te1', epoch: { generation: 1, counter: 1 } });
  witness.accepts(manager, ID, { generation: 1, counter: 1 });
  witness.recorded({ kind: 'lead', manager: 'te2', epoch: { generation: 1, counter: 3 } });
  witness.accepts(manager, 'r2' as Uuid, { generation: 1, counter: 3 });
  assert.deepEqual(witness.faults, [
    'te1.1 accepts r1 before the log has its lead',
    'te1.1 accepts r2 before the log has its lead',
  ]);
});

test('nobody is turned away for good because somebody else leads', () => {
  const { witness } = scene();
  witness.turnedAway(ID, new Mom4cError('M4C_NO_MANAGER'));
  assert.deepEqual(witness.faults, []);
  witness.turnedAway(ID, new Mom4cError('M4C_EPOCH'));
  assert.deepEqual(witness.faults, ['r1 is turned away for good by M4C_EPOCH']);
});

function scene(): { witness: Witness; machine: Machine } {
  const world = new World(1);
  return { witness: new Witness(world), machine: new Machine(world, 'te1') };
}
