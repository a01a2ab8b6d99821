// Mutation seen red: (1) the check that a path stays below the root; (2) O_NONBLOCK dropped (a FIFO then hangs); (3) no
// limit on a file's size; (4) fan scale 1; (5) iio offset not added; (6) MAX_SENSORS not applied; (7) faults not asked for.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock, type SensorRecord } from '@mom4c/core';
import { createSensorReader, MAX_SENSORS } from './read-all.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-sysfs-'));
after(() => rmSync(folder, { recursive: true }));

let roots = 0;
const clock = { ...systemClock, now: () => 1_700_000_000_500 };

/** A root with these files; a text of `-> path` makes a symbolic link, `|` a FIFO. */
function tree(files: Record<string, string | Uint8Array>): string {
  const root = join(folder, `root${roots++}`);
  mkdirSync(root);
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (content === '|') execFileSync('mkfifo', [path]);
    else if (typeof content === 'string' && content.startsWith('-> ')) symlinkSync(content.slice(3), path);
    else writeFileSync(path, content);
  }
  return root;
}

async function list(
  sys: Record<string, string | Uint8Array>,
  proc: Record<string, string> = {},
): Promise<Map<string, SensorRecord>> {
  const reader = await createSensorReader({ sysfs: tree(sys), procfs: tree(proc), clock });
  return new Map((await reader.list()).map((record) => [record.n, record]));
}

/** Value and unit, or the code of the error. */
function brief(records: Map<string, SensorRecord>): Record<string, unknown> {
  const own = [...records.values()].filter((record) => !record.n.startsWith('host/'));
  return Object.fromEntries(own.map((record) => [record.n, record.error?.code ?? [record.v, record.u]]));
}

test('hwmon: names, scales and units', async () => {
  const chip = 'class/hwmon/hwmon2';
  const records = await list({
    [`${chip}/name`]: 'nct6775\n',
    [`${chip}/temp1_input`]: '-5250\n',
    [`${chip}/temp1_label`]: 'CPU\n',
    [`${chip}/temp1_max`]: '80000\n',
    [`${chip}/in0_input`]: '1234\n',
    [`${chip}/curr1_input`]: '500\n',
    [`${chip}/power1_average`]: '2500000\n',
    [`${chip}/fan1_input`]: '1200\n',
    [`${chip}/humidity1_input`]: '45600\n',
    [`${chip}/energy1_input`]: '1500000\n',
    'class/hwmon/hwmon10/device/temp1_input': '21562\n',
  });
  assert.deepEqual(brief(records), {
    'hwmon/2-nct6775/curr1': [0.5, 'A'],
    'hwmon/2-nct6775/energy1': [1.5, 'J'],
    'hwmon/2-nct6775/fan1': [20, '1/s'],
    'hwmon/2-nct6775/humidity1': [45.6, '%RH'],
    'hwmon/2-nct6775/in0': [1.234, 'V'],
    'hwmon/2-nct6775/power1': [2.5, 'W'],
    'hwmon/2-nct6775/temp1': [-5.25, 'Cel'],
    'hwmon/10-unnamed/temp1': [21.562, 'Cel'],
  });
  assert.equal(records.get('hwmon/2-nct6775/temp1')!.t, 1_700_000_000.5);
});

test('thermal, iio and w1', async () => {
  const iio = 'bus/iio/devices/iio:device0';
  const w1 = 'bus/w1/devices';
  const records = await list({
    'class/thermal/thermal_zone0/type': 'x86_pkg_temp\n',
    'class/thermal/thermal_zone0/temp': '48000\n',
    'class/thermal/cooling_device0/type': 'Fan\n',
    [`${iio}/name`]: 'bme280\n',
    [`${iio}/in_temp_input`]: '22130\n',
    [`${iio}/in_pressure_input`]: '101.325\n',
    [`${iio}/in_humidityrelative_input`]: '41000\n',
    [`${iio}/in_voltage0_raw`]: '1000\n',
    [`${iio}/in_voltage_scale`]: '0.5\n',
    [`${iio}/in_voltage0_offset`]: '-200\n',
    [`${iio}/in_accel_x_raw`]: '-16384\n',
    [`${iio}/in_accel_scale`]: '0.000598\n',
    [`${iio}/in_illuminance_raw`]: '7\n',
    [`${iio}/in_temp_raw`]: '1\n',
    [`${w1}/28-0000075a1b2c/temperature`]: '23125\n',
    [`${w1}/10-0008029a1b2c/w1_slave`]: '72 01 4b 46 : crc=7e YES\n72 01 4b 46 t=-1062\n',
    [`${w1}/28-00000000dead/w1_slave`]: '00 00 : crc=00 NO\n00 00 t=85000\n',
    [`${w1}/w1_bus_master1/name`]: 'x\n',
  });
  assert.deepEqual(brief(records), {
    'thermal/zone0-x86_pkg_temp': [48, 'Cel'],
    'iio/0-bme280/accel_x': [-9.797632, 'm/s2'],
    'iio/0-bme280/humidityrelative': [41, '%RH'],
    'iio/0-bme280/illuminance': [7, 'lx'],
    'iio/0-bme280/pressure': [101_325, 'Pa'],
    'iio/0-bme280/temp': [22.13, 'Cel'],
    'iio/0-bme280/voltage0': [0.4, 'V'],
    'w1/10-0008029a1b2c/temperature': [-1.062, 'Cel'],
    'w1/28-0000075a1b2c/temperature': [23.125, 'Cel'],
    'w1/28-00000000dead/temperature': 'M4C_SENSOR_UNREADABLE',
  });
});

test('the host', async () => {
  const meminfo = 'MemTotal:       16303428 kB\nMemFree:         1 kB\nMemAvailable:    8000000 kB\n';
  const records = await list(
    {},
    { loadavg: '0.27 0.61 1.51 1/100 999\n', meminfo, uptime: '2420.60 4000.00\n' },
  );
  const value = (name: string): unknown => [records.get(`host/${name}`)?.v, records.get(`host/${name}`)?.u];
  assert.deepEqual(['load1', 'load5', 'load15'].map(value), [
    [0.27, '/'],
    [0.61, '/'],
    [1.51, '/'],
  ]);
  assert.deepEqual(value('memory-total'), [16303428 * 1024, 'B']);
  assert.deepEqual(value('memory-available'), [8_192_000_000, 'B']);
  assert.deepEqual(value('uptime'), [2420.6, 's']);
  assert.ok(records.get('host/disk-total')!.v! > records.get('host/disk-available')!.v!);
});

test('what is broken or hostile is an error of that sensor only', { timeout: 30_000 }, async () => {
  writeFileSync(join(folder, 'outside'), '1000\n');
  const chip = 'class/hwmon/hwmon0';
  const records = await list({
    [`${chip}/name`]: 'a b/\u0000../\u001b[31m\u202e{}',
    [`${chip}/temp1_input`]: 'N/A\n',
    [`${chip}/temp2_input`]: '',
    [`${chip}/temp3_input`]: Uint8Array.of(0xff, 0x00),
    [`${chip}/temp4_input`]: `1000${' '.repeat(20_000)}`,
    [`${chip}/temp5_input`]: '1e999\n',
    [`${chip}/temp6_input`]: '0x10\n',
    [`${chip}/temp7_input`]: '|',
    [`${chip}/temp8_input`]: '-> temp8_input',
    [`${chip}/temp9_input`]: `-> ${join(folder, 'outside')}`,
    [`${chip}/temp10_input`]: '-> ../../../../outside',
    [`${chip}/temp11_input`]: '-> /dev/zero',
    [`${chip}/temp12_input/x`]: 'a folder',
    [`${chip}/temp13_input`]: '7000\n',
    [`${chip}/temp13_fault`]: '1\n',
    [`${chip}/temp14_input`]: '-> ../../../devices/temp\n'.trim(),
    'devices/temp': '14000\n',
  });
  const bad = Array.from({ length: 13 }, (_, i) => [
    `hwmon/0-a_b_.._31m_/temp${i + 1}`,
    'M4C_SENSOR_UNREADABLE',
  ]);
  assert.deepEqual(brief(records), { ...Object.fromEntries(bad), 'hwmon/0-a_b_.._31m_/temp14': [14, 'Cel'] });
  for (const { error } of records.values()) assert.ok(!error?.detail?.includes(folder), error?.detail);
});

test('a folder that leads in circles or outside is no source of sensors', async () => {
  const records = await list({
    'class/hwmon/hwmon0': '-> ../hwmon/hwmon0',
    'class/hwmon/hwmon1': `-> ${tree({ temp1_input: '1000' })}`,
    'class/hwmon/hwmon2/temp1_input': '2000',
  });
  assert.deepEqual(brief(records), { 'hwmon/2-unnamed/temp1': [2, 'Cel'] });
});

test('of too many sensors the rest is counted', async () => {
  const files: Record<string, string> = {};
  for (let i = 0; i < MAX_SENSORS; i++) files[`class/hwmon/hwmon${i % 20}/in${i}_input`] = '1\n';
  const records = await list(files);
  assert.equal(records.size, MAX_SENSORS + 1);
  assert.equal(records.get('limit')!.error!.detail, '8 more sensors than are read');
  const octets = Buffer.byteLength(JSON.stringify([...records.values()]));
  assert.ok(octets < 200_000, `${octets}`);
});

test('one sensor by its name', async () => {
  const sysfs = tree({ 'class/thermal/thermal_zone0/temp': '1000', 'class/thermal/thermal_zone1/temp': 'x' });
  const reader = await createSensorReader({ sysfs, procfs: tree({}), clock });
  assert.deepEqual(await reader.read('thermal/zone0-unnamed'), {
    n: 'thermal/zone0-unnamed',
    u: 'Cel',
    v: 1,
    t: 1_700_000_000.5,
  });
  await assert.rejects(reader.read('thermal/zone1-unnamed'), { code: 'M4C_SENSOR_UNREADABLE' });
  await assert.rejects(reader.read('thermal/zone2'), { code: 'M4C_SENSOR_UNKNOWN' });
});
