import * as z from 'zod';
import {
  NODE_MANAGER_STATES,
  NODE_ROLES,
  ROLES,
  SIGNED_KINDS,
  defineCommand,
  formatLabels,
  labelsSchema,
} from '@mom4c/core';
import { timeOf } from './time-of.ts';

const node = z.strictObject({
  name: z.string().max(64),
  role: z.enum(ROLES),
  address: z.string().max(320),
  present: z.boolean().describe('It has announced itself under its signature, and its session is there'),
  silent: z
    .boolean()
    .optional()
    .describe('A session is there, but nothing signed came when it should have: see above'),
  lost: z
    .number()
    .optional()
    .describe('It is gone without a word, or gives no sign, since then: see above; Unix seconds'),
  version: z.string().max(64).optional().describe('As it last said'),
  since: z.number().optional().describe('Present since, Unix seconds'),
  labels: labelsSchema.optional().describe('As it last announced them, present or not'),
  signed: z
    .strictObject({
      kind: z.enum(SIGNED_KINDS),
      time: z.number().describe('When it signed that, by its own clock, Unix seconds'),
    })
    .optional()
    .describe('Its last word whose signature the manager verified'),
  manager: z
    .strictObject({
      name: z.string().max(64),
      role: z.enum(NODE_ROLES),
      state: z.enum(NODE_MANAGER_STATES),
    })
    .optional()
    .describe('The manager that it may become, while it is present'),
});
type Node = z.output<typeof node>;

export const nodes = defineCommand({
  name: 'nodes',
  verb: 'nodes list',
  runsOn: 'cm',
  byLabels: true,
  access: 'cluster:read',
  idempotent: true,
  summary: 'List the nodes of the domain: who is enrolled, who is present, and what each last signed.',
  description:
    'A node is `silent` if the XMPP server shows a session of it that gives no signed word: it has not announced ' +
    'itself in a way that can be believed, did not answer a command that it had, or was not heard for 11 minutes ' +
    '(nodes that are well sign something every 5). It is `lost`, and since when, if its session is gone and it did not say ' +
    'goodbye, or if nothing of it is heard, not even the answer to a ping, for three times `heartbeat.seconds` (90 s). Version, labels and last word are kept for nodes that are away.',
  args: z.strictObject({}),
  result: z.strictObject({ nodes: z.array(node).max(5000) }),
  errors: [],
  examples: [
    { line: 'mom4c nodes', does: 'shows them as a table' },
    { line: 'mom4c nodes --label site=roof', does: 'shows those with this label' },
    { line: 'mom4c nodes --watch 5s', does: 'shows them anew every five seconds' },
  ],
  table: {
    columns: ['node', 'role', 'address', 'present', 'version', 'since', 'last signed', 'labels'],
    rows: (result) =>
      result.nodes.map((one) => [
        one.name,
        one.role,
        one.address,
        presenceOf(one),
        one.version ?? '',
        one.since === undefined ? '' : timeOf(one.since),
        one.signed ? `${timeOf(one.signed.time)} ${one.signed.kind}` : '',
        formatLabels(one.labels ?? {}),
      ]),
    notes: (result) => result.nodes.flatMap(({ name, manager }) => (manager ? [noteOf(name, manager)] : [])),
  },
  run: async (_args, { nodes: registry, having }) => ({ nodes: [...(await registry.list(having))] }),
});

function presenceOf({ present, silent, lost }: Node): string {
  if (lost !== undefined) return `lost since ${timeOf(lost)}`;
  if (silent) return 'silent';
  return present ? 'yes' : 'no';
}

function noteOf(node: string, { name, role, state }: NonNullable<Node['manager']>): string {
  if (state === 'off') return `${node} may become manager ${name}.`;
  const until = role === 'reserve' ? ' until enough others stand by' : '';
  return `${node} ${state === 'ready' ? 'is' : 'becomes'} manager ${name}${until}.`;
}
