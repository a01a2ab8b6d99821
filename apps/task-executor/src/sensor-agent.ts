/**
 * The sensor agent: a process of its own beside the task executor. Its supervisor writes one line of JSON to its
 * standard input (so that no key appears among process arguments or in the environment) and keeps that open: when it
 * closes, the supervisor is gone, and the agent ends.
 */
import { createInterface } from 'node:readline';
import { connectBus, serveAgent } from '@mom4c/bus';
import { Mom4cError, VERSION, systemClock } from '@mom4c/core';
import { runApp, type App } from '@mom4c/runtime';
import * as z from 'zod';
import { agentReadyLine, agentSettings, SENSOR_AGENT, type AgentSettings } from './agent-settings.ts';
import { createSensorReader } from './sensors/read-all.ts';

const readArgs = z.strictObject({ name: z.string().min(1).max(200) });

await runApp({ name: 'sensor-agent', start });

async function start(app: App): Promise<void> {
  const settings = await readSettings(app);
  app.log.setLevel(settings.level);
  const reader = await createSensorReader({
    sysfs: settings.sysfs,
    procfs: settings.procfs,
    clock: systemClock,
  });
  const bus = await connectBus({ url: settings.url, name: SENSOR_AGENT, tls: settings.tls, log: app.log });
  app.onStop('bus', () => bus.close());
  await serveAgent(
    bus,
    {
      name: SENSOR_AGENT,
      version: VERSION,
      description: 'Sensors of this node: hwmon, thermal, iio, w1, and the host itself',
      endpoints: {
        list: async () => ({ sensors: await reader.list() }),
        read: async (args) => await reader.read(checkReadArgs(args)),
      },
    },
    app.log,
  );
  process.stdout.write(`${agentReadyLine}\n`);
}

/** The first line; the end of the stream, then or later, ends this process. */
function readSettings(app: App): Promise<AgentSettings> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: process.stdin });
    lines.once('line', (line) => {
      try {
        resolve(agentSettings.parse(JSON.parse(line)));
      } catch {
        // The reason could quote a key.
        reject(new Mom4cError('M4C_CONFIG', 'standard input: not the settings of an agent'));
      }
    });
    lines.once('close', () => {
      reject(new Mom4cError('M4C_CONFIG', 'standard input: no settings'));
      void app.stop('the supervisor is gone');
    });
    app.onStop('standard input', () => lines.close());
  });
}

function checkReadArgs(args: unknown): string {
  const parsed = readArgs.safeParse(args);
  if (!parsed.success) throw new Mom4cError('M4C_BAD_ARGUMENTS', 'read needs {name}');
  return parsed.data.name;
}
