/** What the network of the simulation may lose, and what not. */
// Mutations seen red: what the server tells on a connection is lost like a letter; told over a link that is cut; an address
// that is not given back; given back by whoever has lost it; a claim that counts though it was taken back, over a link that is cut, or of
// a process that the server knows to be gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Wire, XmppServer } from './network.ts';
import { Machine, Process, World } from './world.ts';

test('whoever loses the service address to somebody newer is told, however many letters are lost', async () => {
  const { world, wire, server, older, newer, told } = scene();
  wire.network.loss = 1;
  wire.letter(
    undefined,
    () => newer,
    () => assert.fail('all letters are lost'),
  );
  server.claim(older);
  await pass(world);
  server.claim(newer);
  await pass(world);
  assert.equal(server.active, newer);
  // On two connections.
  const [loser, winner] = [older.name, newer.name];
  assert.deepEqual(told.toSorted(), [`${loser} has it`, `${loser} has it no more`, `${winner} has it`]);
});

test('it is not told over a link that is cut', async () => {
  const { world, server, older, newer, told } = scene();
  server.claim(older);
  await pass(world);
  older.machine.links.xmpp = false;
  server.claim(newer);
  await pass(world);
  assert.deepEqual(told, [`${older.name} has it`, `${newer.name} has it`]);
});

test('whoever leads no more gives the address back, if it has it and can', async () => {
  const { world, server, older, newer } = scene();
  server.claim(older);
  await pass(world);
  older.machine.links.xmpp = false;
  server.release(older);
  assert.equal(server.active, older);
  server.claim(newer);
  await pass(world);
  older.machine.links.xmpp = true;
  server.release(older);
  assert.equal(server.active, newer);
  server.release(newer);
  assert.equal(server.active, undefined);
});

test('a claim takes its time, and counts when it comes: not if it was taken back, nor over a link that is cut', async () => {
  const { world, server, older, newer } = scene();
  server.claim(older);
  assert.equal(server.active, undefined);
  server.release(older);
  await pass(world);
  assert.equal(server.active, undefined);
  server.claim(newer);
  newer.machine.links.xmpp = false;
  await pass(world);
  assert.equal(server.active, undefined);
});

test('the claim of a process that died counts until the server knows', async () => {
  const { world, server, older, newer } = scene();
  server.claim(older);
  older.die();
  await pass(world);
  assert.equal(server.active, older);
  server.left(older);
  assert.equal(server.active, undefined);
  server.claim(newer);
  server.left(newer);
  await pass(world);
  assert.equal(server.active, undefined);
});

/** For longer than it takes to make a connection and to claim an address. */
const pass = (world: World): Promise<void> => world.run(world.time + 2_000);

function scene() {
  const world = new World(1);
  const wire = new Wire(world);
  const machines = ['cm1', 'cm2'].map((name) => new Machine(world, name));
  const [older, newer] = machines.map((machine) => new Process(machine)) as [Process, Process];
  const server = new XmppServer(wire, machines);
  for (const process of [older, newer]) server.entered(process);
  const told: string[] = [];
  server.onClaimed = (at) => void told.push(`${at.name} has it`);
  server.onConflict = (at) => void told.push(`${at.name} has it no more`);
  return { world, wire, server, older, newer, told };
}
