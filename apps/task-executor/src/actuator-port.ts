import { callAgent, type Bus } from '@mom4c/bus';
import {
  Mom4cError,
  isActuatorName,
  isErrorCode,
  type ActuatorPort,
  type ErrorCode,
  type Uuid,
} from '@mom4c/core';
import * as z from 'zod';
import { ACTUATOR_AGENT } from './agent-settings.ts';

/** An answer is checked here, since an agent may be broken or replaced; commands check theirs again on the way out. */
const actuatorRecord = z.strictObject({
  name: z.string().refine(isActuatorName),
  value: z.number().optional(),
  max: z.number(),
  safe: z.number(),
  error: z
    .strictObject({ code: z.custom<ErrorCode>(isErrorCode), detail: z.string().max(500).optional() })
    .optional(),
});
const actuatorList = z.strictObject({ actuators: z.array(actuatorRecord).max(64) });
const nothing = z.strictObject({});

const LIMIT_MS = 10_000;

/** The actuators of this node, by its actuator agent. @param before Unix milliseconds: nothing is begun after this */
export function createActuatorPort(bus: Bus, request: Uuid, before: number): ActuatorPort {
  return {
    async list(signal) {
      const call = { agent: ACTUATOR_AGENT, endpoint: 'list', request, timeoutMs: LIMIT_MS, signal };
      return (await callAgent(bus, { ...call, parse: (value) => actuatorList.parse(value) })).actuators;
    },
    async set(name, value, signal) {
      const call = { agent: ACTUATOR_AGENT, endpoint: 'set', args: { name, value, before }, effect: true };
      const parse = (answer: unknown): unknown => nothing.parse(answer);
      await callAgent(bus, { ...call, request, timeoutMs: LIMIT_MS, signal, parse });
    },
  };
}

/** Of a node whose settings name none. */
export const noActuators: ActuatorPort = {
  list: async () => [],
  async set(name) {
    throw new Mom4cError('M4C_ACTUATOR_UNKNOWN', name);
  },
};

/** Asks the agent to give everything its safe value. @throws Mom4cError M4C_AGENT_UNAVAILABLE, M4C_AGENT_TIMEOUT */
export async function makeSafe(bus: Bus): Promise<void> {
  const call = { agent: ACTUATOR_AGENT, endpoint: 'safe', timeoutMs: LIMIT_MS };
  await callAgent(bus, { ...call, parse: (value) => nothing.parse(value) });
}
