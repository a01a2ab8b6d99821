/**
 * The one policy about people: who may run which command, whether the person signs or an adapter speaks for them.
 *
 * INVARIANTS:
 * - An adapter may do nothing by itself, and nothing for a person whom the configuration does not name.
 * - Through an adapter nothing is changed: the roles of people hold rights to read, and no others (by their type).
 * - Through an adapter goes no field that a command marks secret: the adapter sees everything in the clear.
 */
import { secretFields } from '@mom4c/core';
import type { Access, BareJid, Command, Role } from '@mom4c/core';
import { roleMay } from './roles.ts';

export const PERSON_ROLES = ['viewer', 'operator'] as const;
export type PersonRole = (typeof PERSON_ROLES)[number];

/** Whom the configuration of the manager names. */
export type People = Readonly<Record<BareJid, PersonRole>>;

/** Who signed, and for whom where that is an adapter. */
export type Asker = { readonly role: Role; readonly onBehalfOf?: BareJid | undefined };

export type Policy = { permits(asker: Asker, command: Command): boolean };

type ReadAccess = Extract<Access, `${string}:read`>;

const RIGHTS: Readonly<Record<PersonRole, readonly ReadAccess[]>> = {
  viewer: ['events:read', 'sensors:read'],
  operator: ['actuators:read', 'cluster:read', 'events:read', 'federation:read', 'sensors:read'],
};

export function policyOf(people: People): Policy {
  const roles = new Map(Object.entries(people));
  return {
    permits({ role, onBehalfOf }, command) {
      if (role !== 'adapter') return onBehalfOf === undefined && roleMay(role, command.access);
      const person = onBehalfOf === undefined ? undefined : roles.get(onBehalfOf);
      if (person === undefined || secretFields(command).length > 0) return false;
      return (RIGHTS[person] as readonly Access[]).includes(command.access);
    },
  };
}
