import { labelsSchema } from '@mom4c/core';
import { memberShape } from '@mom4c/member';
import { filePath } from '@mom4c/runtime';
import * as z from 'zod';

/** docs/config.md is made from this. */
export const taskExecutorSettings = z.strictObject({
  ...memberShape,
  sensors: z
    .strictObject({
      sysfs: filePath('folder')
        .default('/sys')
        .meta({ env: 'MOM4C_SYSFS', description: 'Root of the tree from which devices are read.' }),
      procfs: filePath('folder')
        .default('/proc')
        .meta({ env: 'MOM4C_PROCFS', description: 'Root of the tree from which the host is read.' }),
    })
    .prefault({}),
  labels: labelsSchema.default({}).meta({
    env: 'MOM4C_LABELS',
    description:
      'By which `--label` finds this node, such as `{site: roof, floor: "3"}`; at most 16, announced under its signature.',
  }),
});

export type TaskExecutorSettings = z.output<typeof taskExecutorSettings>;
