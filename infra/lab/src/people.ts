/** People with stock XMPP clients: a host of their own at the domain's server, their accounts, and the adapter's link. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PERSON_ROLES } from '@mom4c/access';
import type { PersonRole } from '@mom4c/access';
import { Mom4cError, isNodeName } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import { writePassword } from './authority.ts';
import type { PeopleHost } from './xmpp-server.ts';

/** `none`: an account that the manager's policy does not name. */
export const ACCOUNT_ROLES = [...PERSON_ROLES, 'none'] as const;
export type AccountRole = (typeof ACCOUNT_ROLES)[number];

/** By the local part of the address. */
export type Accounts = Readonly<Record<string, AccountRole>>;

export const ADAPTER = 'adapter';

/** @throws Mom4cError M4C_USAGE */
export function checkAccounts(accounts: Accounts): void {
  for (const [name, role] of Object.entries(accounts))
    if (!isNodeName(name) || !ACCOUNT_ROLES.includes(role))
      throw new Mom4cError(
        'M4C_USAGE',
        `people are NAME=ROLE, with a role of ${ACCOUNT_ROLES.join(', ')}: ${JSON.stringify(name.slice(0, 80))}`,
      );
}

/** What the server needs to know; the named files are there after `writeSecrets`. */
export function peopleHost(
  folder: string,
  domain: string,
  { accounts, componentPort }: { accounts: Accounts; componentPort: number },
): PeopleHost {
  return {
    host: `people.${domain}`,
    accounts: Object.keys(accounts).map((name) => ({ name, passwordFile: join(folder, 'accounts', name) })),
    component: {
      domain: `commands.${domain}`,
      port: componentPort,
      secretFile: join(folder, 'component-secret'),
    },
  };
}

/** A random password for each person, and the secret of the component, each in a file of mode 0600. */
export function writeSecrets(folder: string, { accounts, component }: PeopleHost, random: Random): void {
  mkdirSync(join(folder, 'accounts'), { recursive: true, mode: 0o700 });
  for (const file of [component.secretFile, ...accounts.map(({ passwordFile }) => passwordFile)])
    writePassword(file, random);
}

/** As the configuration of the cluster manager has it. */
export function policyFor(host: string, accounts: Accounts): Record<string, PersonRole> {
  const named = Object.entries(accounts).filter(
    (entry): entry is [string, PersonRole] => entry[1] !== 'none',
  );
  return Object.fromEntries(named.map(([name, role]) => [`${name}@${host}`, role]));
}
