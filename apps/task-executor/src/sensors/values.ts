/** What sysfs and procfs write, to SenML. Pure. */
import { Mom4cError, type SensorRecord } from '@mom4c/core';

/** Units of IANA's SenML registry (RFC 8428 §12.1, RFC 8798 §2) that are used here: primary ones only, none of those
 *  marked as not recommended (so a fan turns in 1/s and not in 1/min). `/` is a number without a dimension. */
export type Unit =
  | '%RH'
  | '/'
  | '1/s'
  | 'A'
  | 'B'
  | 'Cel'
  | 'J'
  | 'Ohm'
  | 'Pa'
  | 'T'
  | 'V'
  | 'W'
  | 'lx'
  | 'm'
  | 'm/s2'
  | 'rad/s'
  | 's';

/** A sensor that was found; `read` gives its value in its unit. */
export type Sensor = {
  /** A SenML name (RFC 8428 §4.5.1). */
  readonly name: string;
  readonly unit: Unit;
  /** @throws Mom4cError M4C_SENSOR_UNREADABLE */
  readonly read: () => Promise<number>;
};

const NUMBER = /^[+-]?(?:\d{1,18}(?:\.\d{1,18})?|\.\d{1,18})$/;
const MAX_LABEL = 60;

/** A decimal number as drivers write it. @throws Mom4cError M4C_SENSOR_UNREADABLE */
export function parseNumber(text: string): number {
  const trimmed = text.trim();
  if (!NUMBER.test(trimmed)) throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'not a number');
  return Number(trimmed);
}

/** `value` times `scale`, without the noise of binary fractions (21562 × 0.001 is 21.562). */
export function scaled(value: number, scale: number): number {
  const result = Number((value * scale).toPrecision(15));
  if (!Number.isFinite(result)) throw new Mom4cError('M4C_SENSOR_UNREADABLE', 'not a finite number');
  return result;
}

/** A part of a sensor's name from what a driver or administrator wrote: only characters that SenML allows, `/` taken
 *  out since it separates the parts. */
export function label(text: string): string {
  const clean = text
    .trim()
    .replace(/[^A-Za-z0-9._:-]+/g, '_')
    .slice(0, MAX_LABEL);
  return clean === '' ? '_' : clean;
}

/** @param time Unix seconds */
export function toRecord(sensor: Sensor, value: number, time: number): SensorRecord {
  return { n: sensor.name, u: sensor.unit, v: value, t: time };
}
