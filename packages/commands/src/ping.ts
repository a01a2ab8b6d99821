import * as z from 'zod';
import { defineCommand } from '@mom4c/core';

export const ping = defineCommand({
  name: 'ping',
  runsOn: 'te',
  access: 'cluster:read',
  idempotent: true,
  summary: 'Ask task executors whether they are there: a signed and sealed answer from each.',
  args: z.strictObject({}),
  result: z.strictObject({
    node: z.string().max(64),
    version: z.string().max(64),
    uptime: z.number().nonnegative().describe('Seconds since the agent started'),
  }),
  errors: [],
  examples: [{ line: 'mom4c ping --target te1', does: 'asks te1 alone' }],
  table: {
    columns: ['version', 'uptime s'],
    rows: (result) => [[result.version, result.uptime.toFixed(1)]],
  },
  run: async (_args, { node, clock }) => ({
    node: node.name,
    version: node.version,
    uptime: Math.max(0, clock.now() - node.startedAt) / 1000,
  }),
});
