/** The sensor agent of a node. */
import { Mom4cError, systemClock } from '@mom4c/core';
import * as z from 'zod';
import { runAgent } from './agent-program.ts';
import { SENSOR_AGENT, sensorAgentSettings } from './agent-settings.ts';
import { createSensorReader } from './sensors/read-all.ts';

const readArgs = z.strictObject({ name: z.string().min(1).max(200) });

await runAgent({
  program: 'sensor-agent',
  name: SENSOR_AGENT,
  description: 'Sensors of this node: hwmon, thermal, iio, w1, and the host itself',
  settings: sensorAgentSettings,
  async prepare({ sysfs, procfs }) {
    const reader = await createSensorReader({ sysfs, procfs, clock: systemClock });
    return {
      list: async () => ({ sensors: await reader.list() }),
      read: async (args) => await reader.read(checkReadArgs(args)),
    };
  },
});

function checkReadArgs(args: unknown): string {
  const parsed = readArgs.safeParse(args);
  if (!parsed.success) throw new Mom4cError('M4C_BAD_ARGUMENTS', 'read needs {name}');
  return parsed.data.name;
}
