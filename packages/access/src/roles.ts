/** Which rights a role holds in its own domain. Nothing that is not named here is allowed. */
import type { Access, Role } from '@mom4c/core';

const ALL: readonly Access[] = [
  'actuators:read',
  'actuators:write',
  'cluster:manage',
  'cluster:read',
  'events:read',
  'federation:manage',
  'federation:read',
  'sensors:read',
];

const RIGHTS: Readonly<Record<Role, readonly Access[]>> = {
  admin: ALL,
  // A manager acts for the requester whom it has authorised; task executors obey no other role.
  cm: ALL,
  te: [],
  // Nothing by itself: the person for whom it asks must hold the right (people.ts).
  adapter: [],
  gateway: [],
  ca: [],
  // Sees metrics and health over the network (packages/member/src/health-tls.ts), and commands nothing.
  monitor: [],
  publisher: [],
  server: [],
};

export function roleMay(role: Role, access: Access): boolean {
  return RIGHTS[role].includes(access);
}
