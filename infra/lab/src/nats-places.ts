/** Where the NATS servers of a domain stand: one beside the other servers, or one on each machine, and these are a cluster. */
import type { ComponentState, DomainState } from './lab-state.ts';
import { bridgeAddress, machineAddress, namespaceOf } from './machines.ts';
import type { MachineNumber } from './machines.ts';
import type { NatsServerOptions } from './nats-server.ts';
import { LOOPBACK } from './ports.ts';

/** Each machine has it for itself. */
const ROUTE_PORT = 6222;

export type NatsName = 'nats-server' | 'nats1' | 'nats2' | 'nats3';

export function natsName(machine: MachineNumber): NatsName {
  return `nats${machine}`;
}

export function isNats({ name, kind }: Pick<ComponentState, 'name' | 'kind'>): boolean {
  return kind === 'server' && (name === 'nats-server' || /^nats[123]$/.test(name));
}

/** Of the servers and nodes that are on no machine of their own. */
export function hostOf({ machines }: DomainState): string {
  return machines ? bridgeAddress(machines) : LOOPBACK;
}

/** Of whatever is on this machine. */
export function namespaceIn({ machines }: DomainState, machine: MachineNumber | undefined) {
  return machines && machine && namespaceOf(machines, machine);
}

/** @param near the machine of whoever is to use them: its own server comes first */
export function natsUrls(state: DomainState, near?: MachineNumber): string | string[] {
  const servers = state.components.filter(isNats);
  const own = servers.filter(({ machine }) => machine !== undefined && machine === near);
  const all = [...own, ...servers.filter((one) => !own.includes(one))];
  const urls = all.map(({ machine, port }) => `tls://${addressOf(state, machine)}:${port}`);
  return state.machines ? urls : urls[0]!;
}

/** Names of certificates, each with the addresses that it is to bear beside loopback. */
export function natsCertificates(state: DomainState): Record<string, { ips: readonly string[] }> {
  const servers = state.components.filter(isNats);
  return Object.fromEntries(
    servers.map(({ name, machine }) => [natsCertificate(name), { ips: [addressOf(state, machine)] }]),
  );
}

export function natsCertificate(name: string): string {
  return name === 'nats-server' ? 'nats' : name;
}

export function natsPlace(
  state: DomainState,
  name: string,
): Pick<NatsServerOptions, 'host' | 'cluster' | 'namespace'> {
  const { machine } = state.components.find((part) => part.name === name) ?? {};
  if (machine === undefined) return {};
  const addresses = state.components.filter(isNats).map((part) => addressOf(state, part.machine));
  // Its own one by the name that all certificates of servers bear; see nats-cluster.conf.
  const hosts = ['localhost', ...addresses.filter((address) => address !== addressOf(state, machine))];
  return {
    host: addressOf(state, machine),
    namespace: namespaceIn(state, machine),
    cluster: { name, port: ROUTE_PORT, routes: hosts.map((host) => `${host}:${ROUTE_PORT}`) },
  };
}

function addressOf({ machines }: DomainState, machine: MachineNumber | undefined): string {
  return machines && machine ? machineAddress(machines, machine) : LOOPBACK;
}
