/** The cluster managers of the domain: who leads, who stands by, and handing over on purpose. */
import * as z from 'zod';
import { defineCommand, isNodeName } from '@mom4c/core';
import { timeOf } from './time-of.ts';

const nodeName = z.string().refine(isNodeName, 'not a node name');

const manager = z.strictObject({
  name: z.string().max(64),
  role: z.enum(['active', 'passive', 'away']),
  epoch: z
    .strictObject({ generation: z.int().nonnegative(), counter: z.int().nonnegative() })
    .optional()
    .describe('Under which the active one commands'),
  lease: z.number().optional().describe('Seconds until the lease of the active one ends unless it renews it'),
  rank: z.int().positive().optional().describe('In which order those that could take over now would do so'),
  lag: z.int().nonnegative().optional().describe('Records of the journal that it lacks'),
  health: z.string().max(200),
  node: z.string().max(64).optional().describe('The task executor that became this manager'),
  version: z.string().max(64).optional(),
  started: z.number().optional().describe('Unix seconds'),
});
type Manager = z.output<typeof manager>;

export const managers = defineCommand({
  name: 'managers',
  verb: 'managers list',
  runsOn: 'cm',
  access: 'cluster:read',
  idempotent: true,
  summary:
    'List the cluster managers: who leads under which epoch, who stands by, and who would take over first.',
  description:
    'The active manager holds a lease, and renews it every third of its length. A passive one is ranked while it could take over: it ' +
    'has followed the journal to its end, and reaches XMPP server, room and bus. See docs/fail-over.md.',
  args: z.strictObject({}),
  result: z.strictObject({ managers: z.array(manager).max(100) }),
  errors: [],
  examples: [
    { line: 'mom4c managers', does: 'shows them as a table' },
    { line: 'mom4c managers --watch 1s', does: 'shows them anew every second' },
  ],
  table: {
    columns: ['manager', 'role', 'epoch', 'lease s', 'rank', 'lag', 'health', 'version', 'started'],
    rows: (result) => result.managers.map(rowOf),
  },
  run: async (_args, context) => ({ managers: [...(await context.managers.list())] }),
});

export const managerspromote = defineCommand({
  name: 'managerspromote',
  verb: 'managers promote',
  runsOn: 'cm',
  access: 'cluster:manage',
  idempotent: false,
  summary: 'Hand over to a manager that stands by.',
  description:
    'The active manager gives its lease back in favour of the named one, which goes on with everything that is under way: no ' +
    'command is lost, and none is acted on twice.',
  args: z.strictObject({
    manager: nodeName.describe('Name of a manager that has a rank in `mom4c managers`'),
  }),
  result: z.strictObject({ from: z.string().max(64), to: z.string().max(64) }),
  errors: ['M4C_NOT_A_STANDBY'],
  examples: [{ line: 'mom4c managers promote cm2', does: 'makes cm2 the active manager' }],
  table: { columns: ['from', 'to'], rows: ({ from, to }) => [[from, to]] },
  run: async ({ manager: to }, context) => ({ from: context.managers.promote(to), to }),
});

function rowOf({ name, role, epoch, lease, rank, lag, health, node, version, started }: Manager): string[] {
  return [
    name,
    role,
    epoch ? `${epoch.generation}.${epoch.counter}` : '',
    lease === undefined ? '' : lease.toFixed(1),
    rank === undefined ? '' : String(rank),
    lag === undefined ? '' : String(lag),
    node === undefined ? health : `${health}, on ${node}`,
    version ?? '',
    started === undefined ? '' : timeOf(started),
  ];
}
