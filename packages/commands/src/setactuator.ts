import * as z from 'zod';
import { defineCommand, isActuatorName } from '@mom4c/core';

const name = z.string().refine(isActuatorName, 'not a name of an actuator');
const value = z.int().min(0).max(1_000_000);

export const setactuator = defineCommand({
  name: 'setactuator',
  runsOn: 'te',
  access: 'actuators:write',
  idempotent: false,
  summary: 'Set an actuator to a value, once.',
  description:
    'What the settings of the node allow: a name and its limit; see `mom4c listactuators`. While no manager is there an ' +
    'actuator has its safe value. The outcome `unknown` says that the node was stopped while it acted; nothing is tried again.',
  args: z.strictObject({
    actuator: name.describe('Name as listactuators shows it'),
    value: value.describe('A whole number from 0 to its limit'),
  }),
  result: z.strictObject({ actuator: name, value }),
  errors: [
    'M4C_ACTUATOR_UNKNOWN',
    'M4C_ACTUATOR_LIMIT',
    'M4C_ACTUATOR_FAILED',
    'M4C_AGENT_UNAVAILABLE',
    'M4C_AGENT_TIMEOUT',
    'M4C_OUTCOME_UNKNOWN',
    'M4C_RECORD',
  ],
  examples: [{ line: 'mom4c setactuator fan 200 --target te1', does: 'sets the fan of te1' }],
  table: { columns: ['actuator', 'value'], rows: (result) => [[result.actuator, String(result.value)]] },
  async run({ actuator, value: wanted }, context) {
    await context.actuators.set(actuator, wanted, context.signal);
    return { actuator, value: wanted };
  },
});
