import * as z from 'zod';
import { defineCommand } from '@mom4c/core';
import { SENSOR_COLUMNS, sensorRecord, sensorRow } from './senml.ts';

export const readsensor = defineCommand({
  name: 'readsensor',
  runsOn: 'te',
  access: 'sensors:read',
  idempotent: true,
  summary: 'Read one sensor by its name.',
  args: z.strictObject({ sensor: z.string().min(1).max(200).describe('Name as listsensors shows it') }),
  result: sensorRecord,
  errors: ['M4C_SENSOR_UNKNOWN', 'M4C_SENSOR_UNREADABLE', 'M4C_AGENT_UNAVAILABLE', 'M4C_AGENT_TIMEOUT'],
  examples: [{ line: 'mom4c readsensor host/load1 --target te1', does: 'reads the load of te1' }],
  table: { columns: SENSOR_COLUMNS, rows: (result) => [sensorRow(result)] },
  run: (args, context) => context.sensors.read(args.sensor, context.signal),
});
