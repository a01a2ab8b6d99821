// Mutation seen red: (1) no restart in superviseProcess; (2) no --pdeathsig; (3) M4C_AGENT_TIMEOUT mapped to
// unavailable; (4) the agent not stopped by Agents.stop.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { startAgents, type Agents } from '@mom4c/task-executor';
import { silent } from './nats-domain.ts';
import { freeze, gone, isRunning } from '../support/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-sensors-'));
const sysfs = join(folder, 'sys');
/** Tells when the supervisor has started a process again. */
const restarts = new EventEmitter();
const log = {
  ...silent,
  info(fields: object, message: string) {
    if (message === 'started a process again') restarts.emit((fields as { process: string }).process);
  },
};
let agents: Agents;

before(async () => {
  mkdirSync(join(sysfs, 'class/hwmon/hwmon0'), { recursive: true });
  writeFileSync(join(sysfs, 'class/hwmon/hwmon0/name'), 'coretemp\n');
  writeFileSync(join(sysfs, 'class/hwmon/hwmon0/temp1_input'), '41500\n');
  agents = await startAgents({ node: 'te1', folder: join(folder, 'bus'), sysfs, procfs: '/proc', log });
});
after(async () => {
  await agents?.stop();
  assert.deepEqual(readdirSync(join(folder, 'bus')), []);
  rmSync(folder, { recursive: true });
});

const soon = (): AbortSignal => AbortSignal.timeout(5000);
const pid = (): number => agents.pids()['sensors']!;

test('list and read go over the bus to a process of its own', async () => {
  assert.notEqual(pid(), process.pid);
  const temperature = (await agents.sensors.list(soon())).find(
    (record) => record.n === 'hwmon/0-coretemp/temp1',
  );
  assert.deepEqual({ ...temperature, t: 0 }, { n: 'hwmon/0-coretemp/temp1', u: 'Cel', v: 41.5, t: 0 });
  assert.equal((await agents.sensors.read('host/uptime', soon())).u, 's');
});

test('a sensor that is unknown or broken is that error', async () => {
  await assert.rejects(agents.sensors.read('nothing', soon()), { code: 'M4C_SENSOR_UNKNOWN' });
  writeFileSync(join(sysfs, 'class/hwmon/hwmon0/temp2_input'), 'garbage\n');
  await assert.rejects(agents.sensors.read('hwmon/0-coretemp/temp2', soon()), {
    code: 'M4C_SENSOR_UNREADABLE',
  });
});

test('no key is in the arguments or the environment of the agent', () => {
  for (const file of ['cmdline', 'environ'])
    assert.doesNotMatch(readFileSync(`/proc/${pid()}/${file}`, 'utf8'), /PRIVATE|BEGIN/);
});

test('an agent that stands still is M4C_AGENT_TIMEOUT, and answers again when it goes on', async () => {
  await freeze(pid());
  try {
    await assert.rejects(agents.sensors.list(AbortSignal.timeout(300)), { code: 'M4C_AGENT_TIMEOUT' });
  } finally {
    process.kill(pid(), 'SIGCONT');
  }
  assert.equal((await agents.sensors.read('host/uptime', soon())).u, 's');
});

test('an agent that was killed is M4C_AGENT_UNAVAILABLE until it is started again', {
  timeout: 60_000,
}, async () => {
  const old = pid();
  const restarted = once(restarts, 'sensors');
  process.kill(old, 'SIGKILL');
  await gone(old);
  const first = await agents.sensors.list(soon()).catch((error: { code: string }) => error.code);
  assert.ok(first === 'M4C_AGENT_UNAVAILABLE' || first === 'M4C_AGENT_TIMEOUT', JSON.stringify(first));
  await restarted;
  assert.notEqual(pid(), old);
  assert.equal((await agents.sensors.read('host/uptime', soon())).u, 's');
});

test('bus and agent die with their supervisor, even of SIGKILL', { timeout: 60_000 }, async () => {
  const options = JSON.stringify({ node: 'te2', folder: join(folder, 'other'), sysfs, procfs: '/proc' });
  const program = `
    import { startAgents } from '${import.meta.resolve('@mom4c/task-executor')}';
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const agents = await startAgents({ ...${options}, log });
    console.log(JSON.stringify([agents.bus.pid, agents.pids().sensors]));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const pids = JSON.parse(line) as number[];
  assert.deepEqual(pids.map(isRunning), [true, true]);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  await Promise.all(pids.map(gone));
});

test('after stop neither bus nor agent is left', async () => {
  const other = await startAgents({
    node: 'te3',
    folder: join(folder, 'third'),
    sysfs,
    procfs: '/proc',
    log: silent,
  });
  const pids = [other.bus.pid!, other.pids()['sensors']!];
  await other.stop();
  assert.deepEqual(pids.map(isRunning), [false, false]);
});
