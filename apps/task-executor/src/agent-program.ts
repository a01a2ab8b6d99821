/**
 * An agent: a process of its own beside the task executor. Its supervisor writes one line of JSON to its standard input (so
 * that no key appears among process arguments or in the environment) and keeps that open: when it closes, the supervisor is
 * gone, and the agent ends.
 */
import { createInterface } from 'node:readline';
import { connectBus, serveAgent, type EndpointHandler } from '@mom4c/bus';
import { Mom4cError, VERSION } from '@mom4c/core';
import { runApp, type App } from '@mom4c/runtime';
import type * as z from 'zod';
import { agentReadyLine, type AgentSettings } from './agent-settings.ts';

export type AgentProgram<Settings> = {
  /** Of the process. */
  readonly program: string;
  /** On the bus. */
  readonly name: string;
  readonly description: string;
  readonly settings: z.ZodType<Settings>;
  /** What it serves, once it can. */
  readonly prepare: (settings: Settings, app: App) => Promise<Readonly<Record<string, EndpointHandler>>>;
};

export function runAgent<Settings extends AgentSettings>(agent: AgentProgram<Settings>): Promise<void> {
  return runApp({ name: agent.program, start: (app) => start(agent, app) });
}

async function start<Settings extends AgentSettings>(agent: AgentProgram<Settings>, app: App): Promise<void> {
  const { name, description } = agent;
  const settings = await readSettings(agent.settings, app);
  app.log.setLevel(settings.level);
  const endpoints = await agent.prepare(settings, app);
  const bus = await connectBus({ url: settings.url, name, tls: settings.tls, log: app.log });
  app.onStop('bus', () => bus.close());
  await serveAgent(bus, { name, version: VERSION, description, endpoints }, app.log);
  process.stdout.write(`${agentReadyLine}\n`);
}

/** The first line; the end of the stream, then or later, ends this process. */
function readSettings<Settings>(schema: z.ZodType<Settings>, app: App): Promise<Settings> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: process.stdin });
    lines.once('line', (line) => {
      try {
        resolve(schema.parse(JSON.parse(line)));
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
