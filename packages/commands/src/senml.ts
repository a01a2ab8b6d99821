/** Sensor readings as commands carry them: SenML (RFC 8428 §4.3), plus `error` where a sensor could not be read. */
import * as z from 'zod';
import { isSensorName } from '@mom4c/core';
import type { SensorRecord } from '@mom4c/core';
import { describeFault, faultSchema } from './fault.ts';

export const sensorRecord = z.strictObject({
  n: z.string().refine(isSensorName, 'not a SenML name').describe('Name of the sensor, unique on its node'),
  u: z.string().max(32).optional().describe('Unit, from the SenML registry'),
  v: z.number().optional().describe('Value'),
  vs: z.string().max(1000).optional().describe('Value, where it is text'),
  t: z.number().optional().describe('Time of the reading, Unix seconds'),
  error: faultSchema.optional().describe('Why it could not be read'),
});

export const SENSOR_COLUMNS = ['sensor', 'value', 'unit', 'error'] as const;

export function sensorRow(record: SensorRecord): string[] {
  const value = record.v === undefined ? (record.vs ?? '') : formatNumber(record.v);
  return [record.n, value, record.u ?? '', record.error ? describeFault(record.error) : ''];
}

/** Up to six significant digits for fractions; whole numbers whole. */
function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}
