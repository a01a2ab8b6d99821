/** What a supervisor and its agents say to each other beside the bus. */
import * as z from 'zod';
import { actuatorsSchema } from './actuator-settings.ts';

/** Names on the bus, in certificates and in subjects. */
export const SENSOR_AGENT = 'sensors';
export const ACTUATOR_AGENT = 'actuators';

const pem = z.string().min(1).max(8192);
const folder = z.string().min(1).max(4096);
const common = {
  url: z.string().max(200),
  tls: z.strictObject({ ca: pem, cert: pem, key: pem }),
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
};

/** One line of JSON on the agent's standard input. */
export const sensorAgentSettings = z.strictObject({ ...common, sysfs: folder, procfs: folder });
export const actuatorAgentSettings = z.strictObject({ ...common, sysfs: folder, actuators: actuatorsSchema });

/** Of every agent. */
export type AgentSettings = z.output<z.ZodObject<typeof common>>;

/** Written by the agent to its standard output, among the lines of its log, once it serves. */
export const agentReadyLine = JSON.stringify({ type: 'ready' });
