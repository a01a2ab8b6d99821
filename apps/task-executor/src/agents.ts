/** The node's bus and the agents on it, each a process that does not outlive this one. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  agentUser,
  callerUser,
  connectBus,
  forwardAgentLog,
  startNodeBus,
  superviseProcess,
  type Bus,
  type BusTls,
  type SupervisedProcess,
} from '@mom4c/bus';
import { systemRandom, type ActuatorPort, type Log, type SensorPort, type Uuid } from '@mom4c/core';
import { createBusAuthority, type BusAuthority } from '@mom4c/pki';
import { createActuatorPort, makeSafe, noActuators } from './actuator-port.ts';
import type { ActuatorSettings } from './actuator-settings.ts';
import { ACTUATOR_AGENT, agentReadyLine, SENSOR_AGENT, type AgentSettings } from './agent-settings.ts';
import { compiledCode } from './compiled-code.ts';
import { createSensorPort } from './sensor-port.ts';

export type Agents = {
  readonly sensors: SensorPort;
  /** The same, and the agent's log says for which request it was asked. */
  readonly sensorsFor: (request: Uuid) => SensorPort;
  /** Likewise. @param before Unix milliseconds: nothing is begun after this */
  readonly actuatorsFor: (request: Uuid, before: number) => ActuatorPort;
  /** Gives every actuator its safe value; undefined where there are none.
   *  @throws Mom4cError M4C_AGENT_UNAVAILABLE, M4C_AGENT_TIMEOUT */
  readonly makeSafe: (() => Promise<void>) | undefined;
  /** How often each agent was started, by its name. */
  starts(): Readonly<Record<string, number>>;
  readonly bus: { readonly url: string; readonly pid: number | undefined };
  /** Of the agent processes, by agent name; changes when one is started again. */
  pids(): Readonly<Record<string, number | undefined>>;
  stop(): Promise<void>;
};

export type AgentsOptions = {
  /** Name of the node. */
  readonly node: string;
  /** For the bus; made if missing. */
  readonly folder: string;
  readonly sysfs: string;
  readonly procfs: string;
  /** None where absent: then there is no agent for them. */
  readonly actuators?: ActuatorSettings;
  readonly log: Log;
};

const SUPERVISOR = 'supervisor';
/** A device driver that never answers holds one thread of the pool; the default of four would be used up too soon. */
const AGENT_THREADS = '16';

/** Resolves once every agent serves. @throws Mom4cError M4C_PACKAGE_MISSING, M4C_BUS_UNREACHABLE */
export async function startAgents(options: AgentsOptions): Promise<Agents> {
  const { log, sysfs, procfs, actuators = {} } = options;
  const hasActuators = Object.keys(actuators).length > 0;
  const authority = await createBusAuthority(systemRandom);
  const server = await authority.server();
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  try {
    const nodeBus = await startNodeBus({
      name: options.node,
      folder: options.folder,
      credentials: { ca: authority.certificate, cert: server.certificate, key: server.key },
      users: [
        agentUser(SENSOR_AGENT),
        ...(hasActuators ? [agentUser(ACTUATOR_AGENT)] : []),
        callerUser(SUPERVISOR),
      ],
      log,
    });
    stops.push(() => nodeBus.stop());
    const url = nodeBus.url;
    const bus: Bus = await connectBus({
      url,
      name: SUPERVISOR,
      tls: await clientTls(authority, SUPERVISOR),
      log,
    });
    stops.push(() => bus.close());
    const start = async (name: string, program: URL, own: object): Promise<SupervisedProcess> => {
      const settings: AgentSettings = { url, tls: await clientTls(authority, name), level: 'info', ...own };
      const agent = await superviseProcess({
        name,
        program: process.execPath,
        args: [fileURLToPath(program)],
        env: { UV_THREADPOOL_SIZE: AGENT_THREADS, ...compiledCode() },
        started: (child) => startAgent(child, name, settings, log),
        log,
      });
      stops.push(() => agent.stop());
      return agent;
    };
    const agents = new Map([
      [
        SENSOR_AGENT,
        await start(SENSOR_AGENT, new URL('./sensor-agent.ts', import.meta.url), { sysfs, procfs }),
      ],
    ]);
    if (hasActuators)
      agents.set(
        ACTUATOR_AGENT,
        await start(ACTUATOR_AGENT, new URL('./actuator-agent.ts', import.meta.url), { sysfs, actuators }),
      );
    const ofEach = <Value>(look: (agent: SupervisedProcess) => Value): Record<string, Value> =>
      Object.fromEntries([...agents].map(([name, agent]) => [name, look(agent)]));
    return {
      sensors: createSensorPort(bus),
      sensorsFor: (request) => createSensorPort(bus, request),
      actuatorsFor: (request, before) =>
        hasActuators ? createActuatorPort(bus, request, before) : noActuators,
      makeSafe: hasActuators ? () => makeSafe(bus) : undefined,
      starts: () => ofEach(({ starts }) => starts),
      bus: nodeBus,
      pids: () => ofEach(({ pid }) => pid),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function clientTls(authority: BusAuthority, name: string): Promise<BusTls> {
  const { certificate, key } = await authority.client(name);
  return { ca: authority.certificate, cert: certificate, key };
}

/** Hands over the settings; resolves once the agent says that it serves. Its log becomes part of ours. */
function startAgent(child: ChildProcess, agent: string, settings: AgentSettings, log: Log): Promise<void> {
  const ready = forwardAgentLog(child, { agent, ready: agentReadyLine, log });
  child.stdin!.write(`${JSON.stringify(settings)}\n`);
  return ready;
}
