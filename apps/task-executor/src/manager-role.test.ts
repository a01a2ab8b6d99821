// Mutations seen red, one each: the wish not written; written after it is followed; a wait that does not end with the wish; a
// process that is not ended; no word to it beside which node it runs.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { NodeManagerState } from '@mom4c/core';
import { ManagerRole, noManager } from './manager-role.ts';

const root = mkdtempSync(join(tmpdir(), 'mom4c-manager-role-'));
after(() => rmSync(root, { recursive: true, force: true }));
const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const soon = () => AbortSignal.timeout(20_000);

/** Stands in for the manager's program: says what it was started with, and that it is ready, as long as it may. */
const PROGRAM = `
import { existsSync, writeFileSync } from 'node:fs';
const file = (name) => new URL(name, import.meta.url);
writeFileSync(file('started'), JSON.stringify([process.argv.slice(2), process.env.MOM4C_NODE, process.pid]));
process.on('SIGTERM', () => process.exit(0));
setInterval(() => {}, 1000);
if (!existsSync(file('mute'))) process.send({ type: 'ready' });
`;

function makeNode(config = 'name: cm4\n') {
  const state = mkdtempSync(join(root, 'node-'));
  const file = (name: string) => join(state, name);
  writeFileSync(file('manager.mjs'), PROGRAM);
  writeFileSync(file('config.yaml'), config);
  const states: NodeManagerState[] = [];
  const open = (): ManagerRole => {
    const program = { config: file('config.yaml'), program: file('manager.mjs') };
    const role = ManagerRole.open({ name: 'te3', state }, program, log, () => states.push(role.state));
    return role;
  };
  const started = () => JSON.parse(readFileSync(file('started'), 'utf8')) as [string[], string, number];
  return { file, open, states, started };
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

test('it is started when that is wished for, ended when not, and the wish outlives a restart', async () => {
  const { file, open, states, started } = makeNode();
  const role = open();
  await role.resume();
  assert.equal(existsSync(file('started')), false);
  assert.equal(await role.take('reserve', soon()), 'cm4');
  const [args, node, pid] = started();
  assert.deepEqual([args, node], [['--config', file('config.yaml')], 'te3']);
  assert.equal(role.announced().role, 'reserve');
  assert.equal(await role.take('cm', soon()), 'cm4');
  assert.equal(started()[2], pid, 'the same process, whatever it is called');
  await role.stop();
  assert.equal(isAlive(pid), false);

  const again = open();
  await again.resume();
  await again.take('cm', soon());
  assert.notEqual(started()[2], pid);
  assert.deepEqual([again.announced().role, again.state], ['cm', 'ready']);
  await again.take('te', soon());
  assert.equal(isAlive(started()[2]), false);
  assert.deepEqual([again.announced().role, again.state], ['te', 'off']);
  rmSync(file('started'));
  await open().resume();
  assert.equal(existsSync(file('started')), false);
  assert.ok(states.includes('starting') && states.includes('ready'));
});

test('one that dies is started again', async () => {
  const { open, started } = makeNode();
  const role = open();
  await role.take('cm', soon());
  const [, , pid] = started();
  process.kill(pid, 'SIGKILL');
  while (role.starts < 2 || role.state !== 'ready') await new Promise(setImmediate);
  assert.notEqual(started()[2], pid);
  await role.stop();
});

test('one that does not become ready is no success; told otherwise meanwhile, it ends', async () => {
  const { file, open } = makeNode();
  writeFileSync(file('mute'), '');
  const role = open();
  await assert.rejects(role.take('cm', AbortSignal.timeout(1)), { code: 'M4C_AGENT_TIMEOUT' });
  assert.equal(readFileSync(file('manager-role'), 'utf8'), 'cm\n');
  const waiting = role.take('cm', soon());
  await role.take('te', soon());
  await waiting;
  assert.equal(role.state, 'off');
  writeFileSync(file('manager.mjs'), 'process.exit(3);');
  await assert.rejects(role.take('cm', AbortSignal.timeout(1_000)), { code: 'M4C_AGENT_UNAVAILABLE' });
  await role.stop();
});

test('a wish that cannot be written changes nothing', async () => {
  const { file, open } = makeNode();
  const role = open();
  rmSync(file('.'), { recursive: true });
  await assert.rejects(role.take('cm', soon()), { code: 'M4C_RECORD' });
  assert.deepEqual([role.announced().role, role.state], ['te', 'off']);
});

test('a node is eligible only with a configuration that names its manager', async () => {
  for (const config of ['domain: alpha.test\n', 'name: CM 4\n', 'name: 4\n'])
    assert.throws(() => makeNode(config).open(), { code: 'M4C_CONFIG' });
  assert.throws(
    () => ManagerRole.open({ name: 'te3', state: root }, { config: join(root, 'no') }, log, () => {}),
    {
      code: 'M4C_CONFIG',
    },
  );
  await assert.rejects(noManager.take('cm', soon()), { code: 'M4C_NOT_ELIGIBLE' });
});
