// Mutations seen red: no time limit; a file system asked again while it has not answered; its error passed on as it is.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@mom4c/core';
import { openVolume } from '../bounded-read.ts';
import { createSensorReader } from './read-all.ts';

const procfs = mkdtempSync(join(tmpdir(), 'mom4c-volume-'));
writeFileSync(join(procfs, 'uptime'), '12.5 40.0\n');
after(() => rmSync(procfs, { recursive: true }));

type Stat = NonNullable<Parameters<typeof openVolume>[1]>;

/** Lists the sensors of a host whose file system answers like this. */
async function listWith(stat: () => Promise<unknown>): Promise<Map<string, string | number | undefined>> {
  const disk = openVolume('/', stat as unknown as Stat);
  const reader = await createSensorReader({ sysfs: procfs, procfs, clock: systemClock, disk });
  const records = [...(await reader.list()), ...(await reader.list())];
  return new Map(records.map((record) => [record.n, record.error?.code ?? record.v]));
}

test('sizes are octets', async () => {
  const found = await listWith(async () => ({ blocks: 100, bavail: 25, bsize: 4096 }));
  assert.deepEqual([found.get('host/disk-total'), found.get('host/disk-available')], [409_600, 102_400]);
});

test('a mount that never answers costs its own two sensors, one question and no more time than the limit', async () => {
  let asked = 0;
  const found = await listWith(() => {
    asked += 1;
    return new Promise(() => {});
  });
  assert.equal(found.get('host/disk-total'), 'M4C_SENSOR_UNREADABLE');
  assert.equal(found.get('host/disk-available'), 'M4C_SENSOR_UNREADABLE');
  assert.equal(found.get('host/uptime'), 12.5);
  assert.equal(asked, 1);
});

test('a mount that fails is an error of its sensors, and the next reading may succeed', async () => {
  let asked = 0;
  const found = await listWith(async () => {
    asked += 1;
    if (asked === 1) throw Object.assign(new Error('/secret/path'), { code: 'EIO' });
    return { blocks: 1, bavail: 1, bsize: 512 };
  });
  assert.equal(found.get('host/disk-total'), 512);
  assert.equal(found.get('host/uptime'), 12.5);
});
