/** What a new lab is to consist of. */
import { resolve } from 'node:path';
import { Mom4cError, isDomain, systemRandom } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import type { ComponentState, DomainState } from './lab-state.ts';
import { MACHINES, planMachines } from './machines.ts';
import { natsName } from './nats-places.ts';
import { checkLevels, isFederated, partnersOf } from './partner-plan.ts';
import type { FederationOptions } from './partner-plan.ts';
import { ADAPTER, checkAccounts } from './people.ts';
import type { Accounts } from './people.ts';
import { freePort, freePorts } from './ports.ts';
import { XMPP_SERVERS } from './xmpp-server.ts';
import type { XmppServerKind } from './xmpp-server.ts';
import type { Settings } from './yaml.ts';

export type LabOptions = FederationOptions & {
  /** Made if it is not there. */
  folder: string;
  /** `['alpha.test']` by default. */
  domains?: readonly string[] | undefined;
  /** The XMPP server of all domains, or of each by its name; ejabberd by default. */
  server?: XmppServerKind | Readonly<Record<string, XmppServerKind>> | undefined;
  /** People with stock XMPP clients, in each domain; without them there is no adapter. */
  people?: Accounts | undefined;
  /** In each domain; 3 by default. */
  executors?: number | undefined;
  /** In each domain; 1 by default. */
  managers?: number | undefined;
  /** Puts each of three managers on a machine of its own, with a NATS server; only root can. None by default. */
  machines?: 3 | undefined;
  /** Settings of each gateway in place of the lab's, by their first name, e.g. `log`; none by default. */
  gatewaySettings?: Settings | undefined;
  /** The trees from which the sensor agents read, `/sys` and `/proc` by default. */
  sensors?: { sysfs: string; procfs: string } | undefined;
  /** Of nodes by role, or by name, which counts more: what they have beside the lab's settings, or in place of them, by its
   *  first name, e.g. `{ cm: { lease: … }, te1: { actuators: … } }`. */
  nodeSettings?: Readonly<Record<string, Settings>> | undefined;
  /** Task executors that may become managers, in each domain: the name of the executor, and that of the manager. None by
   *  default. */
  eligible?: Readonly<Record<string, string>> | undefined;
  /** Makes the XMPP server log every stanza, for who wants to see what it sees. */
  showStanzas?: boolean | undefined;
  progress?: ((line: string) => void) | undefined;
  /** Gives up, and takes down what was started. */
  signal?: AbortSignal | undefined;
  random?: Random | undefined;
};

/** How many cluster managers the servers of a domain admit: cm1, cm2, … */
const MAX_MANAGERS = 5;
const MAX_EXECUTORS = 200;
export const GATEWAY = 'gw1';
export const IDP = 'idp';

/** Its hosts that partners may speak to. */
export function federatedHosts(domain: string, people: boolean): string[] {
  return [domain, `conference.${domain}`, ...(people ? [`people.${domain}`] : [])];
}

/** Reserves the ports of a new lab. @throws Mom4cError M4C_USAGE, M4C_LAB */
export async function planOf(options: LabOptions): Promise<DomainState[]> {
  const { domains = ['alpha.test'], executors = 3, managers = 1, showStanzas = false } = options;
  const { eligible = {} } = options;
  const sensors = options.sensors ?? { sysfs: '/sys', procfs: '/proc' };
  const wrong = domains.find((name) => !isDomain(name));
  if (wrong !== undefined)
    throw new Mom4cError('M4C_USAGE', `not a domain: ${JSON.stringify(wrong.slice(0, 80))}`);
  if (domains.length === 0 || new Set(domains).size < domains.length)
    throw new Mom4cError('M4C_USAGE', 'name each domain once');
  if (!isCount(executors, 0, MAX_EXECUTORS))
    throw new Mom4cError('M4C_USAGE', `from 0 to ${MAX_EXECUTORS} task executors, please`);
  if (!isCount(managers, 1, MAX_MANAGERS))
    throw new Mom4cError('M4C_USAGE', `from 1 to ${MAX_MANAGERS} cluster managers, please`);

  const { machines } = options;
  if (machines !== undefined && (machines !== MACHINES.length || managers !== MACHINES.length))
    throw new Mom4cError('M4C_USAGE', `${MACHINES.length} machines, with one manager each`);

  checkEligible(eligible, numbered('te', executors), numbered('cm', MAX_MANAGERS).slice(managers));
  checkLevels(options, domains);

  const { server = {}, people } = options;
  if (people) checkAccounts(people);
  const stranger = Object.keys(server).find((name) => typeof server !== 'string' && !domains.includes(name));
  if (stranger !== undefined)
    throw new Mom4cError(
      'M4C_USAGE',
      `a server for ${JSON.stringify(stranger.slice(0, 80))}, which is no domain of the lab`,
    );

  const parts = [
    { name: 'slapd', kind: 'server' },
    ...(machines
      ? MACHINES.map((machine) => ({ name: natsName(machine), kind: 'server', machine }) as const)
      : [{ name: 'nats-server', kind: 'server' } as const]),
    { name: 'certificate-authority', kind: 'authority' },
    ...numbered('cm', managers).map((name, index) => {
      const manager = { name, kind: 'cm' } as const;
      return machines ? { ...manager, machine: MACHINES[index]! } : manager;
    }),
    ...numbered('te', executors).map((name) => ({ name, kind: 'te' }) as const),
    ...(people ? [{ name: ADAPTER, kind: 'adapter' } as const] : []),
    ...(isFederated(options) ? [{ name: GATEWAY, kind: 'gateway' } as const] : []),
  ] as const;
  const plans = domains.map(async (name) => {
    const xmpp = (typeof server === 'string' ? server : server[name]) ?? XMPP_SERVERS[0];
    const all = [{ name: xmpp, kind: 'server' } as const, ...parts];
    const [adminPort, ...ports] = await freePorts(all.length + 1);
    const components = all.map((part, index) => ({ ...part, port: ports[index]! }));
    return {
      name,
      xmpp,
      fingerprint: '',
      managers: numbered('cm', MAX_MANAGERS),
      adminPort: adminPort!,
      sensors,
      eligible,
      showStanzas,
      nodeSettings: options.nodeSettings ?? {},
      ...(machines && { machines: await planMachines(options.random ?? systemRandom) }),
      ...(people && { people: { accounts: people, componentPort: await freePort() } }),
      components,
    };
  });
  const planned = await Promise.all(plans);
  return isFederated(options) ? federate(planned, options) : planned;
}

/** Gives each domain a gateway that knows the others. */
async function federate(plans: readonly DomainState[], options: LabOptions): Promise<DomainState[]> {
  const ports = await Promise.all(plans.map(() => freePorts(3)));
  const hosts = ({ name, people }: DomainState) => federatedHosts(name, people !== undefined);
  const places = plans.map((plan, index) => ({
    name: plan.name,
    hosts: hosts(plan),
    s2sPort: ports[index]![1]!,
  }));
  return plans.map((plan, index) => {
    const [componentPort, s2sPort, agentPort] = ports[index]!;
    const partners = partnersOf(plan.name, places, options, resolve(options.folder));
    const changes = options.gatewaySettings ?? {};
    return {
      ...plan,
      gateway: {
        componentPort: componentPort!,
        s2sPort: s2sPort!,
        agentPort: agentPort!,
        partners,
        changes,
      },
    };
  });
}

/** Reserves the port of the identity provider, if there is to be one. */
export async function idpOf({ idp }: LabOptions): Promise<ComponentState | undefined> {
  return idp ? { name: IDP, kind: 'idp', port: await freePort() } : undefined;
}

/** All that were reserved for it. */
export function portsOf({ adminPort, people, gateway, components }: DomainState): number[] {
  return [
    adminPort,
    ...(people ? [people.componentPort] : []),
    ...(gateway ? [gateway.componentPort, gateway.s2sPort, gateway.agentPort] : []),
    ...components.map((part) => part.port),
  ];
}

/** @param free names of managers that the servers admit, and that nobody has @throws Mom4cError M4C_USAGE */
function checkEligible(
  eligible: Readonly<Record<string, string>>,
  executors: readonly string[],
  free: readonly string[],
): void {
  const pairs = Object.entries(eligible);
  const wrong = pairs.find(([node, manager]) => !executors.includes(node) || !free.includes(manager));
  if (wrong || new Set(Object.values(eligible)).size < pairs.length)
    throw new Mom4cError(
      'M4C_USAGE',
      `an executor that may become a manager needs a name of its own, of ${free.join(', ') || 'which none is left'}: ${pairs
        .map((pair) => pair.join('='))
        .join(',')
        .slice(0, 80)}`,
    );
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
