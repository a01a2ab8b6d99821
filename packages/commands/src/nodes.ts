import * as z from 'zod';
import { ROLES, defineCommand } from '@mom4c/core';

const node = z.strictObject({
  name: z.string().max(64),
  role: z.enum(ROLES),
  address: z.string().max(320),
  present: z.boolean(),
  version: z.string().max(64).optional(),
  since: z.number().optional().describe('Present since, Unix seconds'),
});

export const nodes = defineCommand({
  name: 'nodes',
  runsOn: 'cm',
  access: 'cluster:read',
  idempotent: true,
  summary: 'List the nodes of the domain: who is enrolled, and who is present.',
  args: z.strictObject({}),
  result: z.strictObject({ nodes: z.array(node).max(5000) }),
  errors: [],
  examples: [{ line: 'mom4c nodes', does: 'shows them as a table' }],
  table: {
    columns: ['node', 'role', 'address', 'present', 'version', 'since'],
    rows: (result) =>
      result.nodes.map((one) => [
        one.name,
        one.role,
        one.address,
        one.present ? 'yes' : 'no',
        one.version ?? '',
        one.since === undefined ? '' : new Date(one.since * 1000).toISOString(),
      ]),
  },
  run: async (_args, context) => ({ nodes: [...(await context.nodes.list())] }),
});
