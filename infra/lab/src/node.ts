/** A node of a domain: its folder with configuration, password and token, and its program. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@mom4c/core';
import { writePassword } from './authority.ts';
import { startProgram } from './program.ts';
import type { Program } from './program.ts';
import type { OnStart } from './server.ts';
import type { PeopleHost } from './xmpp-server.ts';
import { toYaml } from './yaml.ts';
import type { Settings } from './yaml.ts';

export type NodeRole = 'cm' | 'te' | 'adapter' | 'gateway';

/** Where a member of the domain finds the domain's services. */
export type DomainServices = {
  domain: string;
  authority: { url: string; fingerprint: string };
  directory: { url: string; base: string };
  xmpp: { host: string; port: number };
  nats: { url: string | string[]; replicas: 1 | 3 };
  sensors: { sysfs: string; procfs: string };
  /** Where the configuration lies of the manager that an executor may become, by the name of the executor. */
  eligible: Readonly<Record<string, string>>;
  people?: { host: PeopleHost; policy: Settings } | undefined;
  gateway?: Settings | undefined;
};

export const programs: Readonly<Record<NodeRole, Program>> = {
  cm: 'cluster-manager',
  te: 'task-executor',
  adapter: 'command-adapter',
  gateway: 'federation-gateway',
};

/** Makes the folder of a member, ready for its first start. @returns the path of its configuration */
export function writeMember(folder: string, config: Settings, token: string, random: Random): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writePassword(join(folder, 'password'), random);
  writeFileSync(join(folder, 'token'), `${token}\n`, { mode: 0o600, flag: 'wx' });
  return writeConfig(folder, config);
}

export function configOf(folder: string): string {
  return join(folder, 'config.yaml');
}

/** @returns the path */
export function writeConfig(folder: string, config: Settings): string {
  const file = configOf(folder);
  writeFileSync(file, toYaml(config), { mode: 0o600 });
  return file;
}

/** The settings that every member has. */
export function memberSettings(folder: string, name: string, services: DomainServices): Settings {
  return {
    domain: services.domain,
    name,
    state: join(folder, 'state'),
    keystore: { file: join(folder, 'keystore.p12'), passwordFile: join(folder, 'password') },
    tokenFile: join(folder, 'token'),
    authority: services.authority,
    directory: services.directory,
    xmpp: services.xmpp,
    log: { level: 'info' },
  };
}

export function nodeSettings(
  folder: string,
  node: { name: string; role: NodeRole; healthPort: number },
  services: DomainServices,
): Settings {
  return {
    ...memberSettings(folder, node.name, services),
    health: { host: '127.0.0.1', port: node.healthPort },
    ...ownSettings(node, services),
  };
}

function ownSettings(
  { name, role }: { name: string; role: NodeRole },
  { nats, sensors, eligible, people, gateway }: DomainServices,
): Settings {
  switch (role) {
    case 'cm':
      return { nats, ...(people && { people: people.policy }) };
    case 'te':
      return {
        sensors,
        labels: labelsOf(name),
        ...(eligible[name] && { manager: { config: configOf(eligible[name]) } }),
      };
    case 'adapter':
      if (!people) throw new Error('an adapter without people');
      return {
        people: people.host.host,
        component: { host: '127.0.0.1', ...people.host.component },
      };
    case 'gateway':
      if (!gateway) throw new Error('a gateway without federation');
      return { nats: { url: nats.url }, ...gateway };
  }
}

/** Executors stand on two sites in turn, so that labels can be tried: te1 on the roof, te2 in the cellar, te3 on the roof. */
function labelsOf(name: string): Settings {
  const number = Number(/[0-9]+$/.exec(name)?.[0] ?? 1);
  return { site: number % 2 === 1 ? 'roof' : 'cellar' };
}

/** @param namespace where it runs; see `StartOptions` */
export function startNode(
  folder: string,
  name: string,
  role: NodeRole,
  namespace: string | undefined,
  onStart: OnStart,
): Promise<unknown> {
  const args = ['--config', configOf(folder)];
  return startProgram({ program: programs[role], name, folder, args, namespace, onStart });
}
