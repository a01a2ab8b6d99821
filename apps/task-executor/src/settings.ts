import { labelsSchema } from '@mom4c/core';
import { memberShape } from '@mom4c/member';
import { filePath } from '@mom4c/runtime';
import * as z from 'zod';
import { actuatorsSchema } from './actuator-settings.ts';

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
  actuators: actuatorsSchema.default({}).meta({
    description:
      'What `mom4c setactuator` may set: a name, the LED class device below `sensors.sysfs` that it stands for, the highest value, ' +
      'and the safe one, such as `{fan: {led: "fan", max: 255, safe: 0}}`.',
  }),
  safeAfter: z.int().min(1).max(86_400).default(60).meta({
    env: 'MOM4C_SAFE_AFTER',
    description:
      'Seconds without a manager after which every actuator gets its safe value; it gets that at the start as well.',
  }),
  manager: z
    .strictObject({
      config: filePath('secret').meta({
        env: 'MOM4C_MANAGER_CONFIG',
        description:
          'Configuration of the cluster manager that this node may become: as of any other, with a name, a state folder, a keystore ' +
          'and a token of its own. Mode 0600.',
      }),
      program: filePath().optional().meta({
        env: 'MOM4C_MANAGER_PROGRAM',
        description: 'Program of the cluster manager; the one beside this program where absent.',
      }),
    })
    .optional()
    .meta({ description: 'Absent: this node never becomes a manager. See docs/fail-over.md.' }),
  labels: labelsSchema.default({}).meta({
    env: 'MOM4C_LABELS',
    description:
      'By which `--label` finds this node, such as `{site: roof, floor: "3"}`; at most 16, announced under its signature.',
  }),
});

export type TaskExecutorSettings = z.output<typeof taskExecutorSettings>;
