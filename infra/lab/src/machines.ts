/**
 * Machines of their own for managers, each with a NATS server: network namespaces, joined by a bridge that stands in one more.
 * The other programs stay where we are, at the bridge's address. There is no route to anywhere else.
 *
 * INVARIANTS:
 *  - every name is made from an id that stands in the lab's state before anything is made, so that whoever finds the state
 *    can remove all of it;
 *  - a namespace takes its ends of the links along: with the namespaces everything is gone.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { Mom4cError } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import { until } from './keeper.ts';
import { reserve } from './ports.ts';
import { findProgram } from './server-folder.ts';

export type MachinesState = {
  /** Eight hexadecimal digits. */
  readonly id: string;
  /** The third octet of their addresses. */
  readonly network: number;
};

/** As many as a cluster of NATS servers needs. */
export const MACHINES = [1, 2, 3] as const;
export type MachineNumber = (typeof MACHINES)[number];

const NETWORKS = 256;
const REMOVAL_LIMIT_MS = 10_000;
const run = promisify(execFile);

/** @throws Mom4cError M4C_USAGE where they cannot be made, M4C_LAB */
export async function planMachines(random: Random): Promise<MachinesState> {
  if (process.getuid?.() !== 0)
    throw new Mom4cError('M4C_USAGE', 'machines are network namespaces, which only root can make');
  const id = Buffer.from(random.bytes(4)).toString('hex');
  const taken = (await ip('-4', '-oneline', 'route', 'show', 'table', 'all')).stdout;
  for (let network = 0; network < NETWORKS; network++)
    if (
      !taken.includes(` ${prefix(network)}`) &&
      !taken.startsWith(prefix(network)) &&
      (await reserve(`network-${network}`))
    )
      return { id, network };
  throw new Mom4cError('M4C_LAB', 'found no free network among 10.77.0.0/16');
}

/** Of the servers and nodes that are on no machine of their own. */
export function bridgeAddress({ network }: MachinesState): string {
  return `${prefix(network)}1`;
}

export function machineAddress({ network }: MachinesState, machine: MachineNumber): string {
  return `${prefix(network)}${10 + machine}`;
}

/** All of them. */
export function machineNetwork({ network }: MachinesState): string {
  return `${prefix(network)}0/24`;
}

/** The namespace of a machine, as `ip netns` has it. */
export function namespaceOf({ id }: MachinesState, machine: MachineNumber): string {
  return `mom4c-${id}-${machine}`;
}

/** @throws Mom4cError M4C_LAB */
export async function makeMachines(state: MachinesState): Promise<void> {
  const [hub, link] = [hubOf(state), linkOf(state)];
  const inHub = (...words: string[]) => ip('-n', hub, ...words);
  await ip('netns', 'add', hub);
  await inHub('link', 'add', 'bridge', 'type', 'bridge');
  await inHub('link', 'set', 'bridge', 'up');
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'host', 'netns', hub);
  await inHub('link', 'set', 'host', 'master', 'bridge', 'up');
  await ip('address', 'add', `${bridgeAddress(state)}/24`, 'dev', link);
  await ip('link', 'set', link, 'up');
  for (const machine of MACHINES) {
    const [own, port] = [namespaceOf(state, machine), portOf(machine)];
    await ip('netns', 'add', own);
    await inHub('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own);
    await inHub('link', 'set', port, 'master', 'bridge', 'up');
    await ip('-n', own, 'address', 'add', `${machineAddress(state, machine)}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) await ip('-n', own, 'link', 'set', device, 'up');
  }
}

/** Pulls the cable of a machine, or puts it in again: nothing passes, and nobody is told. @throws Mom4cError M4C_LAB */
export async function setCable(
  state: MachinesState,
  machine: MachineNumber,
  plugged: boolean,
): Promise<void> {
  await ip('-n', hubOf(state), 'link', 'set', portOf(machine), plugged ? 'up' : 'down');
}

/** Whatever there is of them; nothing runs there any more. @throws Mom4cError M4C_LAB */
export async function removeMachines(state: MachinesState): Promise<void> {
  for (const name of [...MACHINES.map((machine) => namespaceOf(state, machine)), hubOf(state)])
    if (existsSync(`/run/netns/${name}`)) await ip('netns', 'delete', name);
  const link = linkOf(state);
  // The kernel takes a namespace down after the command has returned.
  if (!(await until(() => !existsSync(`/sys/class/net/${link}`), REMOVAL_LIMIT_MS)))
    throw new Mom4cError('M4C_LAB', `the network device ${link} does not go away`);
}

function prefix(network: number): string {
  return `10.77.${network}.`;
}

function hubOf({ id }: MachinesState): string {
  return `mom4c-${id}`;
}

/** Of our end of the link to the bridge; Linux takes 15 characters. */
function linkOf({ id }: MachinesState): string {
  return `m4c${id}`;
}

/** Of the bridge's end of a machine's cable. */
function portOf(machine: MachineNumber): string {
  return `machine${machine}`;
}

async function ip(...words: string[]): Promise<{ stdout: string }> {
  try {
    return await run(findProgram('ip', 'iproute2'), words, { timeout: 10_000 });
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    throw new Mom4cError('M4C_LAB', `ip ${words.join(' ')}: ${stderr.trim().slice(0, 200)}`, { cause });
  }
}
