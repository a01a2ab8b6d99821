import * as z from 'zod';
import { defineCommand } from '@mom4c/core';
import { SENSOR_COLUMNS, sensorRecord, sensorRow } from './senml.ts';

export const listsensors = defineCommand({
  name: 'listsensors',
  runsOn: 'te',
  access: 'sensors:read',
  idempotent: true,
  summary: 'List the sensors attached to task executors, with their readings.',
  description:
    'Every sensor of every task executor in scope: Linux hwmon, thermal, iio and w1 devices, and the load, memory, ' +
    'disk and uptime of the host. A sensor that cannot be read is listed with its error.',
  args: z.strictObject({}),
  result: z.strictObject({ sensors: z.array(sensorRecord).max(2000) }),
  errors: ['M4C_SENSOR_UNREADABLE', 'M4C_AGENT_UNAVAILABLE', 'M4C_AGENT_TIMEOUT'],
  examples: [
    { line: 'mom4c listsensors', does: 'asks every task executor of the domain' },
    { line: 'mom4c listsensors --target te1,te2 --timeout 5s -o json', does: 'asks two, for a program' },
  ],
  table: { columns: SENSOR_COLUMNS, rows: (result) => result.sensors.map(sensorRow) },
  run: async (_args, context) => ({ sensors: [...(await context.sensors.list(context.signal))] }),
});
