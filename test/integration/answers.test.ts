/**
 * What the commands of the main job answer, in every form, and what a user may get wrong. One executor reads a tree of devices
 * that the test has made, the others the machine's own.
 */
// Mutations seen red: degrees in another unit; an unknown target with the exit code of a failure.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { startLab } from '@mom4c/lab';
import type { Lab } from '@mom4c/lab';
import { json, presence, states } from '../support/answers.ts';
import type { Answer } from '../support/answers.ts';
import { ANY_SERVER } from '../support/any-server.ts';
import { ask, mom4c } from '../support/cli.ts';

type Reading = { n: string; u?: string; v?: number; t?: number; error?: { code: string } };

const folder = mkdtempSync(join(tmpdir(), 'mom4c-answers-'));
const state = join(folder, 'lab');
/** Its devices are made. */
const MADE = 'te3';
let lab: Lab | undefined;

before(async () => {
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  lab = await startLab({
    ...{ folder: state, server: ANY_SERVER, executors: 3 },
    nodeSettings: { [MADE]: { sensors: makeTrees(join(folder, 'trees')) } },
  });
});

after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true });
});

test('devices are read from where the node finds them; one that cannot be read is an entry with its error', async () => {
  const [table, { outcomes }] = await Promise.all([
    ask(state, `listsensors --target ${MADE}`, 0),
    json(state, `listsensors --target ${MADE}`, 0),
  ]);
  assert.deepEqual(states(outcomes), [[MADE, 'ok']]);
  const readings = readingsOf(outcomes[0]);
  const device = (name: string): Reading | undefined => readings.find(({ n }) => n === name);
  const value = (name: string) => [device(name)?.v, device(name)?.u];
  assert.deepEqual(value('hwmon/0-lm75/temp1'), [21.5, 'Cel']);
  assert.deepEqual(value('hwmon/0-lm75/fan1'), [20, '1/s']);
  assert.deepEqual(value('thermal/zone0-cpu-thermal'), [48.312, 'Cel']);
  assert.deepEqual(value('iio/0-bme280/pressure'), [101_325, 'Pa']);
  assert.deepEqual(value('host/memory-total'), [1024 * 1000, 'B']);
  assert.deepEqual(value('host/uptime'), [4711.25, 's']);
  const broken = device('w1/28-0000075a1b2c/temperature');
  assert.deepEqual(Object.keys(broken ?? {}).sort(), ['error', 'n']);
  assert.equal(broken?.error?.code, 'M4C_SENSOR_UNREADABLE');
  assert.match(table.stdout, /^te3 +w1\/28-0000075a1b2c\/temperature +M4C_SENSOR_UNREADABLE: the checksum/m);
  assert.match(table.stdout, /^te3 +hwmon\/0-lm75\/temp1 +21\.5 +Cel$/m);
});

test('listsensors as a table, as JSON and as YAML, with the values of procfs in SenML units', async () => {
  const [table, yaml, answer] = await Promise.all([
    ask(state, 'listsensors', 0),
    ask(state, 'listsensors -o yaml', 0),
    json(state, 'listsensors', 0),
  ]);
  assert.equal(answer.command, 'listsensors');
  assert.deepEqual(states(answer.outcomes), [
    ['te1', 'ok'],
    ['te2', 'ok'],
    ['te3', 'ok'],
  ]);
  assert.match(table.stdout, /^NODE +SENSOR +VALUE +UNIT +ERROR$/m);
  assert.equal(table.stderr, '');
  assert.match(yaml.stdout, /^command: listsensors$/m);
  const total = 1024 * Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]);
  const disk = await statfs('/');
  for (const outcome of answer.outcomes.filter(({ target }) => target !== MADE)) {
    const readings = readingsOf(outcome);
    const { v: at } = Object.fromEntries(readings.map((one) => [one.n, one]))['host/uptime']!;
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    assert.ok(at! <= uptime && at! > uptime - 60, `uptime ${at}, now ${uptime}`);
    const fixed = (name: string) => readings.find(({ n }) => n === name);
    assert.deepEqual([fixed('host/memory-total')?.v, fixed('host/memory-total')?.u], [total, 'B']);
    assert.equal(fixed('host/disk-total')?.v, disk.blocks * disk.bsize);
    assert.ok(fixed('host/memory-available')!.v! < total);
    for (const { n, u, v, t, error } of readings) {
      // RFC 8428 §4.5.1
      assert.match(n, /^[A-Za-z0-9][A-Za-z0-9:._/-]*$/);
      assert.match(table.stdout, new RegExp(`^${outcome.target} +${n} `, 'm'));
      assert.match(yaml.stdout, new RegExp(`^ +(- )?"n": "?${n}"?$`, 'm'));
      if (error) continue;
      assert.match(u ?? '', /^(%RH|\/|1\/s|A|B|Cel|J|Ohm|Pa|T|V|W|lx|m|m\/s2|rad\/s|s)$/);
      assert.ok(Number.isFinite(v), n);
      assert.ok(Math.abs(t! - Date.now() / 1000) < 60, `time of ${n}`);
    }
  }
});

test('targets: some, one, and the other commands', async () => {
  const [two, one, load, pinged, listed] = await Promise.all([
    json(state, 'listsensors --target te1,te2', 0),
    json(state, 'listsensors --target te1', 0),
    json(state, 'readsensor host/load1', 0),
    json(state, 'ping', 0),
    json(state, 'nodes', 0),
  ]);
  assert.deepEqual(states(two.outcomes), [
    ['te1', 'ok'],
    ['te2', 'ok'],
  ]);
  assert.deepEqual(states(one.outcomes), [['te1', 'ok']]);
  assert.equal(load.outcomes.length, 3);
  for (const { result } of load.outcomes) assert.equal((result as Reading).n, 'host/load1');
  for (const { target, result } of pinged.outcomes) assert.equal((result as { node: string }).node, target);
  assert.deepEqual(presence(listed), { cm1: true, te1: true, te2: true, te3: true });
});

test('what a user may get wrong has its exit code and says so', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const [away, target, sensor, ...usage] = await Promise.all([
    ask(state, 'ping', 7, { env: { MOM4C_XMPP_PORT: '1' } }),
    ask(state, 'ping --target te1,te77', 6),
    json(state, 'readsensor host/no-such', 3),
    ask(state, 'ping --timeout 5', 2),
    ask(state, 'ping --timeout 1h', 2),
    ask(state, 'ping -o xml', 2),
    ask(state, 'ping --target Te1', 2),
    ask(state, 'pong', 2),
    ask(state, 'readsensor', 2),
    // It runs on the manager.
    ask(state, 'nodes --target te1', 2),
  ]);
  assert.match(away.stderr, /^mom4c: M4C_XMPP_UNREACHABLE: .* 127\.0\.0\.1:1\n/);
  assert.match(target.stderr, /^mom4c: M4C_UNKNOWN_TARGET: .*te77\n {2}→ /);
  assert.equal(target.stdout, '');
  for (const { state: outcome, error } of sensor.outcomes)
    assert.deepEqual([outcome, error?.code], ['failed', 'M4C_SENSOR_UNKNOWN']);
  for (const { stdout, stderr } of usage) {
    assert.equal(stdout, '');
    assert.match(stderr, /^error: /);
  }
  const nowhere = await mom4c(['nodes'], { cwd: empty });
  assert.equal(nowhere.code, 9);
  assert.match(nowhere.stderr, /M4C_NO_PROFILE/);
});

function readingsOf(outcome: Answer['outcomes'][number] | undefined): Reading[] {
  assert.ok(outcome);
  return (outcome.result as { sensors: Reading[] }).sensors;
}

/** A device tree as drivers write it, one thermometer of which delivers a wrong checksum; and a small host. */
function makeTrees(root: string): { sysfs: string; procfs: string } {
  const files = {
    'sys/class/hwmon/hwmon0/name': 'lm75',
    'sys/class/hwmon/hwmon0/temp1_input': '21500',
    'sys/class/hwmon/hwmon0/fan1_input': '1200',
    'sys/class/thermal/thermal_zone0/type': 'cpu-thermal',
    'sys/class/thermal/thermal_zone0/temp': '48312',
    'sys/bus/iio/devices/iio:device0/name': 'bme280',
    'sys/bus/iio/devices/iio:device0/in_pressure_input': '101.325',
    'sys/bus/w1/devices/28-0000075a1b2c/w1_slave':
      '72 01 4b 46 7f ff 0e 10 57 : crc=57 NO\n72 01 4b 46 7f ff 0e 10 57 t=23125',
    'proc/loadavg': '0.10 0.20 0.30 1/100 4711',
    'proc/meminfo': 'MemTotal:           1000 kB\nMemFree:             500 kB\nMemAvailable:        600 kB',
    'proc/uptime': '4711.25 9000.00',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), `${text}\n`);
  }
  return { sysfs: join(root, 'sys'), procfs: join(root, 'proc') };
}
