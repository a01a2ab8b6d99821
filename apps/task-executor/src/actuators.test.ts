// Mutations seen red, one each: the limit of the settings, or of the device, not looked at; an unknown name passed over; links
// followed out of the tree; begun after its deadline; begun though it was given up; devices not one after the other; a file
// not cut; a safe value that failed kept to itself.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { actuatorsSchema } from './actuator-settings.ts';
import { openActuators } from './actuators.ts';
import type { Actuators } from './actuators.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-actuators-'));
after(() => rmSync(folder, { recursive: true }));

const NOW = 1_700_000_000_000;
const LATER = NOW + 1;
const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;
const fan = { led: 'fan', max: 200, safe: 20 };

let sysfs: string;
let number = 0;
let logged: string[];
const log = {
  info: (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`),
  error: (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`),
};

/** As sysfs has it: the class has links to the devices. */
function makeLed(name: string, max: number | string = 255): string {
  const device = join(sysfs, 'devices/platform/leds', name);
  mkdirSync(device, { recursive: true });
  writeFileSync(join(device, 'brightness'), '77\n');
  writeFileSync(join(device, 'max_brightness'), `${max}\n`);
  symlinkSync(`../../devices/platform/leds/${name}`, join(sysfs, 'class/leds', name));
  return join(device, 'brightness');
}

const open = (settings: object, limitMs?: number): Promise<Actuators> =>
  openActuators(sysfs, actuatorsSchema.parse(settings), { now: () => NOW }, log, limitMs);

beforeEach(() => {
  logged = [];
  sysfs = join(folder, `sys${number++}`);
  mkdirSync(join(sysfs, 'class/leds'), { recursive: true });
});

test('a value goes to the device, and is shown', async () => {
  const file = makeLed('fan');
  const actuators = await open({ fan });
  assert.deepEqual(await actuators.list(), [{ name: 'fan', value: 77, max: 200, safe: 20 }]);
  await actuators.set('fan', 200, LATER);
  assert.equal(readFileSync(file, 'utf8'), '200\n');
  await actuators.set('fan', 0, LATER);
  assert.equal(readFileSync(file, 'utf8'), '0\n');
  assert.deepEqual(await actuators.list(), [{ name: 'fan', value: 0, max: 200, safe: 20 }]);
});

test('no value outside of the limits, of the settings or of the device, gets to it', async () => {
  const file = makeLed('fan');
  const small = makeLed('small', 10);
  const actuators = await open({ fan, small: { ...fan, led: 'small' } });
  for (const value of [201, 256, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    await assert.rejects(actuators.set('fan', value, LATER), code('M4C_ACTUATOR_LIMIT'), String(value));
  await assert.rejects(actuators.set('small', 11, LATER), code('M4C_ACTUATOR_LIMIT'));
  assert.deepEqual(
    [file, small].map((one) => readFileSync(one, 'utf8')),
    ['77\n', '77\n'],
  );
  await actuators.set('small', 10, LATER);
  assert.equal(readFileSync(small, 'utf8'), '10\n');
});

test('what the settings do not name is unknown, whatever devices there are', async () => {
  makeLed('fan');
  makeLed('other');
  const actuators = await open({ fan });
  for (const name of ['other', '__proto__', 'fan/../other', ''])
    await assert.rejects(actuators.set(name, 1, LATER), code('M4C_ACTUATOR_UNKNOWN'), name);
});

test('settings name a device and no way out, and their limits fit together', () => {
  const faulty = [
    ...['..', '.', '', 'a/b', '../fan', '/sys', 'fan\n', 'x'.repeat(65)].map((led) => ({
      fan: { ...fan, led },
    })),
    ...['Fan', 'a b', '', '../x', 'x'.repeat(41)].map((name) => ({ [name]: fan })),
    { fan: { ...fan, safe: 201 } },
    { fan: { ...fan, max: 0 } },
    { fan: { ...fan, max: 1.5 } },
    { fan: { ...fan, safe: -1 } },
    { fan: { ...fan, more: 1 } },
    Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`fan${index}`, fan])),
  ];
  for (const settings of faulty)
    assert.ok(!actuatorsSchema.safeParse(settings).success, JSON.stringify(settings));
  const named = { 'fan-1_b': { led: 'beaglebone:green:usr0', max: 1, safe: 1 } };
  assert.deepEqual(actuatorsSchema.parse(named), named);
});

test('a device that leads out of the tree is not written', async () => {
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  for (const file of ['brightness', 'max_brightness']) writeFileSync(join(outside, file), '9\n');
  symlinkSync(outside, join(sysfs, 'class/leds/fan'));
  const device = makeLed('other');
  rmSync(device);
  symlinkSync(join(outside, 'brightness'), device);
  const actuators = await open({ fan, other: { ...fan, led: 'other' } });
  for (const name of ['fan', 'other'])
    await assert.rejects(actuators.set(name, 1, LATER), code('M4C_ACTUATOR_FAILED'), name);
  assert.equal(readFileSync(join(outside, 'brightness'), 'utf8'), '9\n');
});

test('what is broken or missing is stated, and the others are shown', async () => {
  makeLed('fan');
  makeLed('odd', 'many');
  const actuators = await open({ fan, odd: { ...fan, led: 'odd' }, gone: { ...fan, led: 'gone' } });
  const records = await actuators.list();
  assert.deepEqual(
    records.map(({ name, value, error }) => [name, value, error?.code]),
    [
      ['fan', 77, undefined],
      ['odd', undefined, 'M4C_ACTUATOR_FAILED'],
      ['gone', undefined, 'M4C_ACTUATOR_FAILED'],
    ],
  );
  await assert.rejects(actuators.set('gone', 1, LATER), code('M4C_ACTUATOR_FAILED'));
});

test('nothing is begun after its deadline', async () => {
  const file = makeLed('fan');
  const actuators = await open({ fan });
  await assert.rejects(actuators.set('fan', 1, NOW), code('M4C_EXPIRED'));
  assert.equal(readFileSync(file, 'utf8'), '77\n');
});

test('safe values go to all that can be set, and what cannot is said', async () => {
  const files = [makeLed('fan'), makeLed('lamp')];
  const actuators = await open({
    gone: { ...fan, led: 'gone' },
    fan,
    lamp: { led: 'lamp', max: 1, safe: 0 },
  });
  await actuators.makeSafe();
  assert.deepEqual(
    files.map((file) => readFileSync(file, 'utf8')),
    ['20\n', '0\n'],
  );
  assert.match(logged.join('\n'), /could not be set to its safe value .*"gone".*M4C_ACTUATOR_FAILED/);
});

test('behind a driver that does not return nothing else is begun, and nothing is repeated', async () => {
  const file = makeLed('fan');
  rmSync(file);
  execFileSync('mkfifo', [file]);
  const actuators = await open({ fan }, 200);
  // Nobody reads: opening it for writing waits.
  await assert.rejects(actuators.set('fan', 1, LATER), code('M4C_OUTCOME_UNKNOWN'));
  await assert.rejects(actuators.set('fan', 2, LATER), code('M4C_ACTUATOR_FAILED'));
  const reader = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  await actuators.set('fan', 3, LATER);
  const octets = Buffer.alloc(100);
  assert.equal(octets.toString('latin1', 0, readSync(reader, octets)), '1\n3\n');
});
