import { callAgent, type Bus } from '@mom4c/bus';
import { isErrorCode, isSensorName, type ErrorCode, type SensorPort, type Uuid } from '@mom4c/core';
import * as z from 'zod';
import { SENSOR_AGENT } from './agent-settings.ts';

/** An answer is checked here, since an agent may be broken or replaced; commands check theirs again on the way out. */
const sensorRecord = z.strictObject({
  n: z.string().refine(isSensorName),
  u: z.string().max(32).optional(),
  v: z.number().optional(),
  vs: z.string().max(1000).optional(),
  t: z.number().optional(),
  error: z
    .strictObject({
      code: z.custom<ErrorCode>(isErrorCode),
      detail: z.string().max(500).optional(),
      correlation: z.string().max(64).optional(),
    })
    .optional(),
});
const sensorList = z.strictObject({ sensors: z.array(sensorRecord).max(2000) });

/** Longer than the slowest bus of one-wire sensors takes; the caller's own deadline usually comes first. */
const LIMIT_MS = 10_000;

/** The sensors of this node, by its sensor agent. @param request for whose sake, if for one's */
export function createSensorPort(bus: Bus, request?: Uuid): SensorPort {
  return {
    async list(signal) {
      const call = { agent: SENSOR_AGENT, endpoint: 'list', request, timeoutMs: LIMIT_MS, signal };
      return (await callAgent(bus, { ...call, parse: (value) => sensorList.parse(value) })).sensors;
    },
    async read(name, signal) {
      const call = {
        agent: SENSOR_AGENT,
        endpoint: 'read',
        args: { name },
        request,
        timeoutMs: LIMIT_MS,
        signal,
      };
      return await callAgent(bus, { ...call, parse: (value) => sensorRecord.parse(value) });
    },
  };
}
