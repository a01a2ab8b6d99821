/** /sys/class/hwmon: https://docs.kernel.org/hwmon/sysfs-interface.html */
import { Mom4cError } from '@mom4c/core';
import type { Root } from '../bounded-read.ts';
import { label, parseNumber, scaled, type Sensor, type Unit } from './values.ts';

const CLASS = 'class/hwmon';
const INPUT = /^(temp|in|curr|power|energy|fan|humidity)(\d{1,3})_(input|average)$/;

/** milli for most, micro for power and energy; a fan's revolutions are per minute. */
const KINDS: Readonly<Record<string, { unit: Unit; scale: number }>> = {
  temp: { unit: 'Cel', scale: 1e-3 },
  in: { unit: 'V', scale: 1e-3 },
  curr: { unit: 'A', scale: 1e-3 },
  power: { unit: 'W', scale: 1e-6 },
  energy: { unit: 'J', scale: 1e-6 },
  fan: { unit: '1/s', scale: 1 / 60 },
  humidity: { unit: '%RH', scale: 1e-3 },
};

/** `hwmon/0-coretemp/temp1` */
export async function findHwmon(sysfs: Root): Promise<Sensor[]> {
  const found: Sensor[] = [];
  for (const chip of await sysfs.names(CLASS)) {
    const index = /^hwmon(\d{1,5})$/.exec(chip)?.[1];
    if (index === undefined) continue;
    const name = label((await sysfs.optionalText(`${CLASS}/${chip}/name`)) ?? 'unnamed');
    // Old drivers keep the values in the folder of the device.
    for (const folder of [`${CLASS}/${chip}`, `${CLASS}/${chip}/device`]) {
      const files = await sysfs.names(folder);
      found.push(...files.flatMap((file) => toSensor(sysfs, folder, files, file, `hwmon/${index}-${name}`)));
    }
  }
  return found;
}

function toSensor(
  sysfs: Root,
  folder: string,
  files: readonly string[],
  file: string,
  chip: string,
): Sensor[] {
  const match = INPUT.exec(file);
  if (!match) return [];
  const [, kind, number, what] = match as unknown as [string, string, string, string];
  const { unit, scale } = KINDS[kind]!;
  // Only power comes as an average alone.
  if (what === 'average' && (kind !== 'power' || files.includes(`${kind}${number}_input`))) return [];
  const fault = `${kind}${number}_fault`;
  return [
    {
      name: `${chip}/${kind}${number}`,
      unit,
      async read() {
        if (files.includes(fault) && (await sysfs.optionalText(`${folder}/${fault}`)) === '1')
          throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'the driver reports a fault of the sensor');
        return scaled(parseNumber(await sysfs.text(`${folder}/${file}`)), scale);
      },
    },
  ];
}
