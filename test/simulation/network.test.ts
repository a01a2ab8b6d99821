/** What the network of the simulation may lose, and what not. */
// Mutations seen red: what the server tells on a connection is lost like a letter; told over a link that is cut; an address
// that is not given back; given back by whoever has lost it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Wire, XmppServer } from './network.ts';
import { Machine, Process, World } from './world.ts';

test('whoever loses the service address to somebody newer is told, however many letters are lost', async () => {
  const { world, wire, server, older, newer, conflicts } = scene();
  wire.network.loss = 1;
  wire.letter(
    undefined,
    () => newer,
    () => assert.fail('all letters are lost'),
  );
  server.claim(older);
  server.claim(newer);
  await world.run(1000);
  assert.equal(server.active, newer);
  assert.deepEqual(conflicts, [older.name]);
});

test('it is not told over a link that is cut', async () => {
  const { world, server, older, newer, conflicts } = scene();
  server.claim(older);
  older.machine.links.xmpp = false;
  server.claim(newer);
  await world.run(1000);
  assert.deepEqual(conflicts, []);
});

test('whoever leads no more gives the address back, if it has it and can', () => {
  const { server, older, newer } = scene();
  server.claim(older);
  older.machine.links.xmpp = false;
  server.release(older);
  assert.equal(server.active, older);
  server.claim(newer);
  older.machine.links.xmpp = true;
  server.release(older);
  assert.equal(server.active, newer);
  server.release(newer);
  assert.equal(server.active, undefined);
});

function scene() {
  const world = new World(1);
  const wire = new Wire(world);
  const machines = ['cm1', 'cm2'].map((name) => new Machine(world, name));
  const [older, newer] = machines.map((machine) => new Process(machine)) as [Process, Process];
  const server = new XmppServer(wire, machines);
  const conflicts: string[] = [];
  server.onConflict = (at) => void conflicts.push(at.name);
  return { world, wire, server, older, newer, conflicts };
}
