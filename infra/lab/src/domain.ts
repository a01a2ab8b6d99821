/** One domain of a lab: its servers, its certificate authority and its nodes. */
import { join } from 'node:path';
import { Mom4cError, isNodeName } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import { ADMINISTRATOR, administratorProfile, enrollAdministrator } from './administrator.ts';
import { all } from './all.ts';
import { authorityUrl, openAuthority, serverFolder, writePassword } from './authority.ts';
import { component } from './component.ts';
import type { Component } from './component.ts';
import type { Federation } from './federation.ts';
import {
  describeGateway,
  GATEWAY_CERTIFICATE,
  gatewayLink,
  gatewayOf,
  gatewaySettings,
  labGateway,
  linkSecret,
  ownHosts,
} from './gateway.ts';
import type { GatewayDescription, LabGateway } from './gateway.ts';
import { GATEWAY } from './lab-plan.ts';
import type { ComponentState, DomainState } from './lab-state.ts';
import { machineAddress, machineNetwork, makeMachines, MACHINES, namespaceOf, setCable } from './machines.ts';
import type { MachineNumber, MachinesState } from './machines.ts';
import {
  hostOf,
  namespaceIn,
  natsCertificate,
  natsCertificates,
  natsName,
  natsPlace,
  natsUrls,
} from './nats-places.ts';
import type { NatsName } from './nats-places.ts';
import { startNatsServer } from './nats-server.ts';
import { nodeSettings, programs, startNode, writeConfig, writeMember } from './node.ts';
import type { DomainServices, NodeRole } from './node.ts';
import { peopleHost, policyFor, writeSecrets } from './people.ts';
import type { AccountRole } from './people.ts';
import { freePort, LOOPBACK } from './ports.ts';
import type { OnStart, ServerName } from './server.ts';
import type { TlsFiles } from './server-folder.ts';
import { directoryBase, startSlapd } from './slapd.ts';
import { reloadXmppServer, startXmppServer } from './start-xmpp-server.ts';
import { xmppLog } from './xmpp-server.ts';
import type { Settings } from './yaml.ts';
import type { PeopleHost, XmppServerKind } from './xmpp-server.ts';

export type ServiceName = Exclude<ServerName, 'nats-server'> | NatsName | 'certificate-authority';

/** One of a manager's own, that can be lost whole. */
export type LabMachine = {
  readonly number: MachineNumber;
  readonly address: string;
  /** As `ip netns` names it. */
  readonly namespace: string;
  readonly server: Component;
  readonly manager: Component;
  /** Pulls its cable, or puts it in again. */
  setCable(plugged: boolean): Promise<void>;
};

export type LabDomain = {
  readonly name: string;
  /** Everything, in the order in which it starts. */
  readonly components: readonly Component[];
  /** @throws Mom4cError M4C_LAB if there is none of that name */
  server(name: ServiceName): Component;
  readonly xmppServer: Component & { readonly name: XmppServerKind };
  /** Where it writes, with the lab's option `showStanzas`, each stanza. */
  readonly xmppLog: string;
  /** @throws Mom4cError M4C_LAB if there is none of that name */
  node(name: string): Component;
  /** @throws Mom4cError M4C_LAB if there is none */
  readonly gateway: LabGateway;
  /** Of managers; none unless the lab was asked for them. */
  readonly machines: readonly LabMachine[];
  /** Enrols one more task executor and starts it; named te4 after te3 by default. */
  addExecutor(name?: string): Promise<Component>;
  /** Enrols one more cluster manager and starts it; cm2 after cm1 by default. The servers admit cm1 to cm5. */
  addManager(name?: string): Promise<Component>;
  describe(): DomainDescription;
};

/** What a user or program of the domain needs to know. Holds no secret, but paths to some. */
export type DomainDescription = {
  name: string;
  xmpp: { server: XmppServerKind; host: string; port: number; tls: 'direct' };
  /** The host of the rooms. */
  muc: string;
  ldap: { url: string; base: string };
  scep: { url: string };
  /** Of three servers the first. */
  nats: { url: string };
  /** Path of a PEM file. */
  caCertificate: string;
  adminProfile: { path: string; certificate: string; key: string };
  nodes: { name: string; role: NodeRole; jid: string; pid: number | undefined }[];
  /** People with stock clients, and the address of the commands; absent: nobody. Passwords are in the named files. */
  people?: PeopleDescription;
  /** Absent: the domain federates with nobody. */
  gateway?: GatewayDescription;
};

export type PeopleDescription = {
  host: string;
  /** Address of the commands. */
  commands: string;
  component: { port: number; secretFile: string };
  accounts: { jid: string; role: AccountRole; passwordFile: string }[];
};

export type DomainContext = {
  folder: string;
  state: DomainState;
  /** With an identity provider; undefined: there is none. */
  federation: Federation | undefined;
  save: () => void;
  random: Random;
  progress: (line: string) => void;
  /** @throws when the lab is being taken down: nothing may start any more */
  checkOpen: () => void;
};

const CERTIFICATE_NAMES = { ejabberd: 'xmpp', prosody: 'xmpp', slapd: 'ldap' } as const;

export function openDomain(context: DomainContext): LabDomain {
  const { folder, state, save, checkOpen, progress } = context;
  const domain = state.name;
  const services = servicesOf(context);
  const authority = authorityOf(context);

  const common = (name: Exclude<ServiceName, 'certificate-authority'>, onStart: OnStart) => ({
    folder: join(folder, name),
    domain,
    tls: tlsOf(folder, name),
    host: hostOf(state),
    port: portOf(state, name),
    onStart,
  });
  const xmppOptions = (onStart: OnStart) => ({
    ...common(state.xmpp, onStart),
    managers: ['cm', ...state.managers],
    people: services.people?.host,
    gateway: gatewayLink(folder, state),
    showStanzas: state.showStanzas,
    network: state.machines && machineNetwork(state.machines),
  });
  const startXmpp = (onStart: OnStart) => startXmppServer(state.xmpp, xmppOptions(onStart));
  const startNats = (name: NatsName) => (onStart: OnStart) =>
    startNatsServer({
      ...common(name, onStart),
      ...natsPlace(state, name),
      managers: state.managers,
      gateways: state.gateway ? [GATEWAY] : [],
    });
  const launchers: Record<ServiceName, (onStart: OnStart) => Promise<unknown>> = {
    ejabberd: startXmpp,
    prosody: startXmpp,
    slapd: (onStart) => startSlapd(common('slapd', onStart)),
    'nats-server': startNats('nats-server'),
    nats1: startNats('nats1'),
    nats2: startNats('nats2'),
    nats3: startNats('nats3'),
    'certificate-authority': (onStart) => authority.serve(onStart),
  };

  const wrap = (part: ComponentState): Component =>
    component(
      part,
      save,
      async (onStart) => {
        checkOpen();
        const { kind, name, machine } = part;
        const namespace = namespaceIn(state, machine);
        if (isNode(kind)) await startNode(nodeFolder(folder, name), name, kind, namespace, onStart);
        else await launchers[name as ServiceName](onStart);
        progress(`${domain}: ${name} is ready`);
      },
      isNode(part.kind) ? LOOPBACK : (natsPlace(state, part.name).host ?? hostOf(state)),
    );
  const components = state.components.map(wrap);

  const find = (name: string): Component => {
    const found = components.find((candidate) => candidate.name === name);
    if (!found) throw new Mom4cError('M4C_LAB', `${domain} has no ${JSON.stringify(name.slice(0, 80))}`);
    return found;
  };

  const xmppServer = find(state.xmpp) as LabDomain['xmppServer'];
  const applyPartners = async (): Promise<void> => {
    save();
    writeConfig(nodeFolder(folder, GATEWAY), settingsOfNode(context, find(GATEWAY)));
    if (xmppServer.running)
      await reloadXmppServer(
        state.xmpp,
        xmppOptions(() => {}),
        xmppServer.process!,
      );
  };
  const gateway =
    state.gateway &&
    labGateway(find(GATEWAY), join(nodeFolder(folder, GATEWAY), 'config.yaml'), context, applyPartners);

  const addNode = async (role: NodeRole, name: string): Promise<Component> => {
    if (!isNodeName(name) || namesOf(state).includes(name))
      throw new Mom4cError('M4C_LAB', `${JSON.stringify(name.slice(0, 80))} is no new name for a node`);
    const part: ComponentState = { name, kind: role, port: await freePort() };
    state.components.push(part);
    const added = wrap(part);
    components.push(added);
    save();
    prepareNode(context, part, await authority.token(name, role));
    await added.start();
    return added;
  };
  const nextName = (role: NodeRole): string => {
    let number = 1;
    while (namesOf(state).includes(`${role}${number}`)) number++;
    return `${role}${number}`;
  };

  return {
    name: domain,
    components,
    server: (name) => find(name),
    xmppServer,
    get gateway() {
      gatewayOf(state);
      return gateway!;
    },
    machines: state.machines ? MACHINES.map((number) => machineOf(state.machines!, number, find)) : [],
    xmppLog: xmppLog(state.xmpp, join(folder, state.xmpp)),
    node: (name) => find(name),
    addExecutor: (name = nextName('te')) => addNode('te', name),
    addManager: (name = nextName('cm')) => addNode('cm', name),
    describe: () => ({
      name: domain,
      xmpp: { server: state.xmpp, ...services.xmpp, tls: 'direct' },
      muc: `conference.${domain}`,
      ldap: services.directory,
      scep: { url: services.authority.url },
      nats: { url: [services.nats.url].flat()[0]! },
      caCertificate: tlsOf(folder, state.xmpp).ca,
      adminProfile: administratorProfile(adminFolder(folder)),
      nodes: state.components.flatMap(({ name, kind, process }) =>
        kind === 'cm' || kind === 'te'
          ? [{ name, role: kind, jid: `${name}@${domain}`, pid: process?.pid }]
          : [],
      ),
      ...(services.people && { people: describePeople(services.people.host, state) }),
      ...(gateway && { gateway: describeGateway(gateway, gatewayOf(state)) }),
    }),
  };
}

/**
 * Makes the authority of a new domain in its empty folder, its servers' certificates, and the folders of its nodes.
 * @returns the token of its administrator @throws Mom4cError M4C_LAB
 */
export async function prepareDomain(context: DomainContext): Promise<string> {
  const { folder, state, save, checkOpen, progress, random } = context;
  if (state.machines) await makeMachines(state.machines);
  const people = peopleOf(context)?.host;
  if (people) writeSecrets(join(folder, 'people'), people, random);
  if (state.gateway) writePassword(linkSecret(folder), random);
  const nodes = state.components.filter(({ kind }) => isNode(kind));
  // Their executors start them; any port will do for what they tell of themselves.
  const dormant = Object.values(state.eligible).map((name) => ({ name, kind: 'cm' as const, port: 0 }));
  const { fingerprint, tokens } = await authorityOf(context).create({
    servers: {
      ...natsCertificates(state),
      ldap: { ips: [hostOf(state)] },
      xmpp: { dns: xmppNames(state.name, people), ips: [hostOf(state)] },
      ...(state.gateway && { [GATEWAY_CERTIFICATE]: { dns: ownHosts(state) } }),
    },
    members: {
      ...Object.fromEntries([...nodes, ...dormant].map(({ name, kind }) => [name, kind as NodeRole])),
      [ADMINISTRATOR]: 'admin',
    },
  });
  state.fingerprint = fingerprint;
  save();
  checkOpen();
  for (const node of [...nodes, ...dormant]) prepareNode(context, node, tokens.get(node.name)!);
  progress(`${state.name}: authority and server certificates made`);
  return tokens.get(ADMINISTRATOR)!;
}

/**
 * Starts a domain that is prepared. @param token of its administrator
 * @throws Mom4cError M4C_LAB, M4C_PACKAGE_MISSING
 */
export async function startDomain(context: DomainContext, token: string): Promise<LabDomain> {
  const { folder, state, checkOpen } = context;
  const domain = openDomain(context);
  const start = (...kinds: Component['kind'][]) =>
    all(domain.components.filter((part) => kinds.includes(part.kind)).map((part) => part.start()));
  await start('server');
  // It publishes its certificate in the directory.
  await start('authority');
  checkOpen();
  // The managers make the rooms that the others join.
  await start('cm');
  const services = { ...servicesOf(context), admin: { url: adminUrl(state) } };
  const administrator = enrollAdministrator(adminFolder(folder), services, token, context.random);
  await all<unknown>([start('te', 'adapter', 'gateway'), administrator]);
  return domain;
}

function prepareNode(
  context: DomainContext,
  part: Pick<ComponentState, 'name' | 'kind' | 'port'>,
  token: string,
): void {
  writeMember(nodeFolder(context.folder, part.name), settingsOfNode(context, part), token, context.random);
}

function settingsOfNode(
  context: DomainContext,
  { name, kind, port, machine }: Pick<ComponentState, 'name' | 'kind' | 'port' | 'machine'>,
): Settings {
  const node = { name, role: kind as NodeRole, healthPort: port };
  const { [kind]: ofRole, [name]: own } = context.state.nodeSettings;
  const services = servicesOf(context, machine);
  return { ...nodeSettings(nodeFolder(context.folder, name), node, services), ...ofRole, ...own };
}

function authorityOf(context: DomainContext) {
  const { folder, state, random } = context;
  const { directory } = servicesOf(context);
  const scepPort = portOf(state, 'certificate-authority');
  const own = join(folder, 'certificate-authority');
  return openAuthority(
    { folder: own, domain: state.name, host: hostOf(state), scepPort, adminPort: state.adminPort, directory },
    random,
  );
}

/** @param near the machine of whoever is to use them */
function servicesOf(
  context: Pick<DomainContext, 'folder' | 'state' | 'federation'>,
  near?: MachineNumber,
): DomainServices {
  const { folder, state } = context;
  const host = hostOf(state);
  return {
    domain: state.name,
    authority: {
      url: authorityUrl(host, portOf(state, 'certificate-authority')),
      fingerprint: state.fingerprint,
    },
    directory: { url: `ldaps://${host}:${portOf(state, 'slapd')}`, base: directoryBase(state.name) },
    xmpp: { host, port: portOf(state, state.xmpp) },
    nats: { url: natsUrls(state, near), replicas: state.machines ? 3 : 1 },
    sensors: state.sensors,
    eligible: Object.fromEntries(
      Object.entries(state.eligible).map(([executor, manager]) => [executor, nodeFolder(folder, manager)]),
    ),
    people: peopleOf(context),
    gateway: state.gateway && gatewaySettings(context),
  };
}

function peopleOf({ folder, state }: Pick<DomainContext, 'folder' | 'state'>): DomainServices['people'] {
  if (!state.people) return undefined;
  const host = peopleHost(join(folder, 'people'), state.name, state.people);
  return { host, policy: policyFor(host.host, state.people.accounts) };
}

function machineOf(
  machines: MachinesState,
  number: MachineNumber,
  find: (name: string) => Component,
): LabMachine {
  return {
    number,
    address: machineAddress(machines, number),
    namespace: namespaceOf(machines, number),
    server: find(natsName(number)),
    manager: find(`cm${number}`),
    setCable: (plugged) => setCable(machines, number, plugged),
  };
}

/** Beside the domain itself. */
function xmppNames(domain: string, people: PeopleHost | undefined): string[] {
  return [`conference.${domain}`, ...(people ? [people.host] : [])];
}

function describePeople(
  { host, accounts, component: { domain, ...component } }: PeopleHost,
  { people }: DomainState,
): PeopleDescription {
  const account = ({ name, passwordFile }: PeopleHost['accounts'][number]) => ({
    jid: `${name}@${host}`,
    role: people!.accounts[name]!,
    passwordFile,
  });
  return { host, commands: domain, component, accounts: accounts.map(account) };
}

/** Also of managers that executors may become. */
function namesOf({ components, eligible }: DomainState): string[] {
  return [...components.map(({ name }) => name), ...Object.values(eligible)];
}

function isNode(kind: ComponentState['kind']): kind is NodeRole {
  return Object.hasOwn(programs, kind);
}

/** Where administrators make tokens; see the certificate authority. */
function adminUrl(state: DomainState): string {
  return `https://${hostOf(state)}:${state.adminPort}`;
}

function portOf(state: DomainState, name: ServiceName): number {
  const found = state.components.find((part) => part.name === name);
  if (!found) throw new Mom4cError('M4C_LAB', `${state.name} has no ${name}`);
  return found.port;
}

function tlsOf(folder: string, server: Exclude<ServiceName, 'certificate-authority'>): TlsFiles {
  const name = server in CERTIFICATE_NAMES ? CERTIFICATE_NAMES[server as 'slapd'] : natsCertificate(server);
  const own = serverFolder(join(folder, 'certificate-authority'), name);
  return { cert: join(own, 'cert.pem'), key: join(own, 'key.pem'), ca: join(own, 'ca.pem') };
}

function nodeFolder(folder: string, name: string): string {
  return join(folder, 'nodes', name);
}

function adminFolder(folder: string): string {
  return join(folder, 'admin');
}
