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
import { startNatsServer } from './nats-server.ts';
import { nodeSettings, programs, startNode, writeConfig, writeMember } from './node.ts';
import type { DomainServices, NodeRole } from './node.ts';
import { peopleHost, policyFor, writeSecrets } from './people.ts';
import type { AccountRole } from './people.ts';
import { freePort } from './ports.ts';
import type { OnStart, ServerName } from './server.ts';
import type { TlsFiles } from './server-folder.ts';
import { directoryBase, startSlapd } from './slapd.ts';
import { reloadXmppServer, startXmppServer } from './start-xmpp-server.ts';
import { xmppLog } from './xmpp-server.ts';
import type { Settings } from './yaml.ts';
import type { PeopleHost, XmppServerKind } from './xmpp-server.ts';

export type ServiceName = ServerName | 'certificate-authority';

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

const CERTIFICATE_NAMES: Readonly<Record<ServerName, string>> = {
  ejabberd: 'xmpp',
  prosody: 'xmpp',
  slapd: 'ldap',
  'nats-server': 'nats',
};
const SERVER_CERTIFICATES = [...new Set(Object.values(CERTIFICATE_NAMES))];

export function openDomain(context: DomainContext): LabDomain {
  const { folder, state, save, checkOpen, progress } = context;
  const domain = state.name;
  const services = servicesOf(context);
  const authority = authorityOf(context);

  const common = (name: ServerName, onStart: OnStart) => ({
    folder: join(folder, name),
    domain,
    tls: tlsOf(folder, name),
    port: portOf(state, name),
    onStart,
  });
  const xmppOptions = (onStart: OnStart) => ({
    ...common(state.xmpp, onStart),
    managers: ['cm', ...state.managers],
    people: services.people?.host,
    gateway: gatewayLink(folder, state),
    showStanzas: state.showStanzas,
  });
  const startXmpp = (onStart: OnStart) => startXmppServer(state.xmpp, xmppOptions(onStart));
  const launchers: Record<ServiceName, (onStart: OnStart) => Promise<unknown>> = {
    ejabberd: startXmpp,
    prosody: startXmpp,
    slapd: (onStart) => startSlapd(common('slapd', onStart)),
    'nats-server': (onStart) =>
      startNatsServer({
        ...common('nats-server', onStart),
        managers: state.managers,
        gateways: state.gateway ? [GATEWAY] : [],
      }),
    'certificate-authority': (onStart) => authority.serve(onStart),
  };

  const wrap = (part: ComponentState): Component =>
    component(part, save, async (onStart) => {
      checkOpen();
      const { kind, name } = part;
      if (isNode(kind)) await startNode(nodeFolder(folder, name), name, kind, onStart);
      else await launchers[name as ServiceName](onStart);
      progress(`${domain}: ${name} is ready`);
    });
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
    if (!isNodeName(name) || state.components.some((part) => part.name === name))
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
    while (state.components.some((part) => part.name === `${role}${number}`)) number++;
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
      nats: services.nats,
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
  const people = peopleOf(context)?.host;
  if (people) writeSecrets(join(folder, 'people'), people, random);
  if (state.gateway) writePassword(linkSecret(folder), random);
  const nodes = state.components.filter(({ kind }) => isNode(kind));
  const { fingerprint, tokens } = await authorityOf(context).create({
    servers: {
      ...Object.fromEntries(SERVER_CERTIFICATES.map((name) => [name, []])),
      xmpp: xmppNames(state.name, people),
      ...(state.gateway && { [GATEWAY_CERTIFICATE]: ownHosts(state) }),
    },
    members: {
      ...Object.fromEntries(nodes.map(({ name, kind }) => [name, kind as NodeRole])),
      [ADMINISTRATOR]: 'admin',
    },
  });
  state.fingerprint = fingerprint;
  save();
  checkOpen();
  for (const node of nodes) prepareNode(context, node, tokens.get(node.name)!);
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

function prepareNode(context: DomainContext, part: ComponentState, token: string): void {
  writeMember(nodeFolder(context.folder, part.name), settingsOfNode(context, part), token, context.random);
}

function settingsOfNode(
  context: DomainContext,
  { name, kind, port }: Pick<ComponentState, 'name' | 'kind' | 'port'>,
): Settings {
  const node = { name, role: kind as NodeRole, healthPort: port };
  const { [kind]: ofRole, [name]: own } = context.state.nodeSettings;
  return { ...nodeSettings(nodeFolder(context.folder, name), node, servicesOf(context)), ...ofRole, ...own };
}

function authorityOf(context: DomainContext) {
  const { folder, state, random } = context;
  const { directory } = servicesOf(context);
  const scepPort = portOf(state, 'certificate-authority');
  const own = join(folder, 'certificate-authority');
  return openAuthority(
    { folder: own, domain: state.name, scepPort, adminPort: state.adminPort, directory },
    random,
  );
}

function servicesOf(context: Pick<DomainContext, 'folder' | 'state' | 'federation'>): DomainServices {
  const { state } = context;
  return {
    domain: state.name,
    authority: { url: authorityUrl(portOf(state, 'certificate-authority')), fingerprint: state.fingerprint },
    directory: { url: `ldaps://127.0.0.1:${portOf(state, 'slapd')}`, base: directoryBase(state.name) },
    xmpp: { host: '127.0.0.1', port: portOf(state, state.xmpp) },
    nats: { url: `tls://127.0.0.1:${portOf(state, 'nats-server')}` },
    sensors: state.sensors,
    people: peopleOf(context),
    gateway: state.gateway && gatewaySettings(context),
  };
}

function peopleOf({ folder, state }: Pick<DomainContext, 'folder' | 'state'>): DomainServices['people'] {
  if (!state.people) return undefined;
  const host = peopleHost(join(folder, 'people'), state.name, state.people);
  return { host, policy: policyFor(host.host, state.people.accounts) };
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

function isNode(kind: ComponentState['kind']): kind is NodeRole {
  return Object.hasOwn(programs, kind);
}

/** Where administrators make tokens; see the certificate authority. */
function adminUrl(state: DomainState): string {
  return `https://127.0.0.1:${state.adminPort}`;
}

function portOf(state: DomainState, name: ServiceName): number {
  const found = state.components.find((part) => part.name === name);
  if (!found) throw new Mom4cError('M4C_LAB', `${state.name} has no ${name}`);
  return found.port;
}

function tlsOf(folder: string, server: ServerName): TlsFiles {
  const own = serverFolder(join(folder, 'certificate-authority'), CERTIFICATE_NAMES[server]);
  return { cert: join(own, 'cert.pem'), key: join(own, 'key.pem'), ca: join(own, 'ca.pem') };
}

function nodeFolder(folder: string, name: string): string {
  return join(folder, 'nodes', name);
}

function adminFolder(folder: string): string {
  return join(folder, 'admin');
}
