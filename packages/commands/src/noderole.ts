/** A task executor that becomes a cluster manager as well, or is one no longer. */
import * as z from 'zod';
import { NODE_ROLES, defineCommand } from '@mom4c/core';

const role = z.enum(NODE_ROLES);

export const noderole = defineCommand({
  name: 'noderole',
  verb: 'nodes role',
  runsOn: 'te',
  oneTarget: true,
  access: 'cluster:manage',
  idempotent: true,
  patience: 60,
  summary: 'Make a task executor a cluster manager as well, or end that.',
  description:
    'For nodes whose settings have a section `manager`; `mom4c nodes` tells which. The node starts the manager as a process of its ' +
    'own, again after a restart, until it is told otherwise; it stays a task executor all the time. A node whose manager leads ' +
    'gives the lease back when it is told `te`: the first that stands by goes on, or nobody if there is none. With ' +
    '`standbys.wanted` the active manager says `reserve` and `te` by itself; what was told `cm` stays. See docs/fail-over.md.',
  args: z.strictObject({
    role: role.describe(
      '`cm`: a manager as well; `reserve`: the same until enough others stand by; `te`: a task executor only',
    ),
  }),
  result: z.strictObject({ role, manager: z.string().max(64).describe('Name of the manager') }),
  errors: ['M4C_NOT_ELIGIBLE', 'M4C_AGENT_UNAVAILABLE', 'M4C_AGENT_TIMEOUT', 'M4C_RECORD'],
  examples: [
    { line: 'mom4c nodes role te3 cm', does: 'makes te3 a manager that stands by' },
    { line: 'mom4c nodes role te3 te', does: 'makes it a task executor only' },
  ],
  table: { columns: ['role', 'manager'], rows: ({ role: has, manager }) => [[has, manager]] },
  run: async ({ role: wanted }, { manager, signal }) => ({
    role: wanted,
    manager: await manager.take(wanted, signal),
  }),
});
