import * as z from 'zod';
import { defineCommand, isActuatorName } from '@mom4c/core';
import { describeFault, faultSchema } from './fault.ts';

const actuator = z.strictObject({
  name: z.string().refine(isActuatorName, 'not a name of an actuator'),
  value: z.int().optional().describe('As the device has it now'),
  max: z.int().nonnegative().describe('Values are from 0 to this'),
  safe: z.int().nonnegative().describe('What it has while no manager is there'),
  error: faultSchema.optional().describe('Why it could not be read'),
});

export const listactuators = defineCommand({
  name: 'listactuators',
  runsOn: 'te',
  access: 'actuators:read',
  idempotent: true,
  summary: 'List the actuators of task executors: present value, limits and safe value.',
  description: 'Those that the settings of each node name; a node without any has an empty list.',
  args: z.strictObject({}),
  result: z.strictObject({ actuators: z.array(actuator).max(64) }),
  errors: ['M4C_ACTUATOR_FAILED', 'M4C_AGENT_UNAVAILABLE', 'M4C_AGENT_TIMEOUT'],
  examples: [{ line: 'mom4c listactuators --target te1', does: 'shows those of te1' }],
  table: {
    columns: ['actuator', 'value', 'max', 'safe', 'error'],
    rows: (result) =>
      result.actuators.map(({ name, value, max, safe, error }) => [
        name,
        value === undefined ? '' : String(value),
        String(max),
        String(safe),
        error ? describeFault(error) : '',
      ]),
  },
  run: async (_args, context) => ({ actuators: [...(await context.actuators.list(context.signal))] }),
});
