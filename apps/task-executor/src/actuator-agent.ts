/** The actuator agent of a node. Before it serves anybody, everything that it can set has its safe value. */
import { Mom4cError, systemClock } from '@mom4c/core';
import * as z from 'zod';
import { openActuators } from './actuators.ts';
import { runAgent } from './agent-program.ts';
import { ACTUATOR_AGENT, actuatorAgentSettings } from './agent-settings.ts';

const setArgs = z.strictObject({
  name: z.string().min(1).max(64),
  value: z.number(),
  /** Not after this, by the clock of the machine, Unix milliseconds. */
  before: z.int(),
});

await runAgent({
  program: 'actuator-agent',
  name: ACTUATOR_AGENT,
  description: 'Actuators of this node that its settings name',
  settings: actuatorAgentSettings,
  async prepare({ sysfs, actuators: named }, { log }) {
    const actuators = await openActuators(sysfs, named, systemClock, log);
    await actuators.makeSafe();
    return {
      list: async () => ({ actuators: await actuators.list() }),
      async set(args) {
        const { name, value, before } = checkSetArgs(args);
        await actuators.set(name, value, before);
        return {};
      },
      async safe() {
        await actuators.makeSafe();
        return {};
      },
    };
  },
});

function checkSetArgs(args: unknown): z.output<typeof setArgs> {
  const parsed = setArgs.safeParse(args);
  if (!parsed.success) throw new Mom4cError('M4C_BAD_ARGUMENTS', 'set needs {name, value, before}');
  return parsed.data;
}
