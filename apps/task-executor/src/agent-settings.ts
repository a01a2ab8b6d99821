/** What a supervisor and its sensor agent say to each other beside the bus. */
import * as z from 'zod';

/** Its name on the bus, in its certificate and in its subjects. */
export const SENSOR_AGENT = 'sensors';

const pem = z.string().min(1).max(8192);

/** One line of JSON on the agent's standard input. */
export const agentSettings = z.strictObject({
  url: z.string().max(200),
  tls: z.strictObject({ ca: pem, cert: pem, key: pem }),
  sysfs: z.string().min(1).max(4096),
  procfs: z.string().min(1).max(4096),
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
});

export type AgentSettings = z.output<typeof agentSettings>;

/** Written by the agent to its standard output, among the lines of its log, once it serves. */
export const agentReadyLine = JSON.stringify({ type: 'ready' });
