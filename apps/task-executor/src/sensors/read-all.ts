/** All sensors of this machine, read with bounded concurrency. */
import { Mom4cError, type Clock, type SensorRecord } from '@mom4c/core';
import { openRoot, openVolume } from '../bounded-read.ts';
import type { Volume } from '../bounded-read.ts';
import { findHost } from './host.ts';
import { findHwmon } from './hwmon.ts';
import { findIio } from './iio.ts';
import { findThermal } from './thermal.ts';
import { toRecord, type Sensor } from './values.ts';
import { findW1 } from './w1.ts';

export type SensorReader = {
  /** One that cannot be read has `error` and no value; sensors beyond the limit are named in one record `limit`. */
  list(): Promise<SensorRecord[]>;
  /** @throws Mom4cError M4C_SENSOR_UNKNOWN, M4C_SENSOR_UNREADABLE */
  read(name: string): Promise<SensorRecord>;
};

/** Their records fit into one message of the bus. */
export const MAX_SENSORS = 1000;
const CONCURRENCY = 8;

/** @param sysfs folder, normally /sys  @param procfs folder, normally /proc */
export async function createSensorReader(options: {
  sysfs: string;
  procfs: string;
  clock: Clock;
  /** That of `/` where absent. */
  disk?: Volume;
}): Promise<SensorReader> {
  const sysfs = await openRoot(options.sysfs);
  const procfs = await openRoot(options.procfs);
  const { disk = openVolume('/') } = options;
  const find = async (): Promise<ReadonlyMap<string, Sensor>> => {
    const groups = [
      findHost(procfs, disk),
      await findHwmon(sysfs),
      await findThermal(sysfs),
      await findIio(sysfs),
      await findW1(sysfs),
    ];
    // Two names can be equal only if a driver lies; the first keeps it.
    return new Map(
      groups
        .flat()
        .reverse()
        .map((sensor) => [sensor.name, sensor]),
    );
  };
  const read = async (sensor: Sensor): Promise<SensorRecord> => {
    const value = await sensor.read();
    return toRecord(sensor, value, options.clock.now() / 1000);
  };
  const readOrError = async (sensor: Sensor): Promise<SensorRecord> => {
    try {
      return await read(sensor);
    } catch (error) {
      if (!(error instanceof Mom4cError)) throw error;
      return { n: sensor.name, error: error.toBody() };
    }
  };
  return {
    async list() {
      const sensors = [...(await find()).values()].reverse();
      const records = await mapBounded(sensors.slice(0, MAX_SENSORS), readOrError);
      const over = sensors.length - records.length;
      if (over > 0)
        records.push({
          n: 'limit',
          error: { code: 'M4C_SENSOR_UNREADABLE', detail: `${over} more sensors than are read` },
        });
      return records;
    },
    async read(name) {
      const sensor = (await find()).get(name);
      if (!sensor) throw new Mom4cError('M4C_SENSOR_UNKNOWN', name);
      return await read(sensor);
    },
  };
}

/** In the order of the items. */
async function mapBounded<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return results;
}
