/** /sys/bus/w1, thermometers: https://docs.kernel.org/w1/slaves/w1_therm.html */
import { Mom4cError } from '@mom4c/core';
import type { Root } from '../bounded-read.ts';
import { label, parseNumber, scaled, type Sensor } from './values.ts';

const BUS = 'bus/w1/devices';
/** DS18S20, DS1822, DS18B20, DS1825, DS28EA00. */
const THERMOMETER = /^(?:10|22|28|3b|42)-[0-9a-f]{12}$/;
/** A conversion takes 750 ms, and the sensors of a bus convert one after the other. */
const LIMIT_MS = 5000;

/** `w1/28-0000075a1b2c/temperature` */
export async function findW1(sysfs: Root): Promise<Sensor[]> {
  const devices = (await sysfs.names(BUS)).filter((device) => THERMOMETER.test(device));
  return devices.map((device) => ({
    name: `w1/${label(device)}/temperature`,
    unit: 'Cel',
    async read() {
      const files = await sysfs.names(`${BUS}/${device}`);
      // Kernels before 5.8 have the long form only.
      if (files.includes('temperature'))
        return scaled(parseNumber(await sysfs.text(`${BUS}/${device}/temperature`, LIMIT_MS)), 1e-3);
      return scaled(parseW1Slave(await sysfs.text(`${BUS}/${device}/w1_slave`, LIMIT_MS)), 1e-3);
    },
  }));
}

/** Two lines: octets, `crc=… YES`; octets, `t=23125`. @throws Mom4cError M4C_SENSOR_UNREADABLE */
export function parseW1Slave(text: string): number {
  const [check, value] = text.split('\n');
  if (!check?.trimEnd().endsWith(' YES'))
    throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'the checksum does not fit');
  const reading = / t=(-?\d+)\s*$/.exec(value ?? '')?.[1];
  if (reading === undefined) throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'no temperature');
  return parseNumber(reading);
}
