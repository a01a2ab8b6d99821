import { PERSON_ROLES } from '@mom4c/access';
import { isBareJid, isNodeName } from '@mom4c/core';
import { memberShape } from '@mom4c/member';
import { natsUrlSchema } from '@mom4c/runtime';
import * as z from 'zod';

/** docs/config.md is made from this. */
export const clusterManagerSettings = z.strictObject({
  ...memberShape,
  nats: z.strictObject({
    url: natsUrlSchema,
    replicas: z
      .union([z.literal(1), z.literal(3)])
      .default(1)
      .meta({ description: 'How many NATS servers hold journal and lease: 1, or 3 that are a cluster.' }),
  }),
  lease: z
    .strictObject({
      seconds: z
        .int()
        .min(3)
        .max(600)
        .default(12)
        .meta({
          env: 'MOM4C_LEASE_SECONDS',
          description:
            'How long a manager that hangs is waited for; the same for all managers of a domain. With three NATS servers not ' +
            'below 12: electing a new leader of the stream takes them up to 8.',
        }),
    })
    .prefault({}),
  standbys: z
    .strictObject({
      wanted: z
        .int()
        .min(0)
        .max(4)
        .default(0)
        .meta({
          env: 'MOM4C_STANDBYS_WANTED',
          description:
            'How many managers shall stand by: with fewer, the active one makes task executors that may become managers stand by, and ' +
            'ends that when enough others are back. 0: nothing by itself. The same for all managers of a domain.',
        }),
      settle: z.int().min(1).max(3600).default(30).meta({
        env: 'MOM4C_STANDBYS_SETTLE',
        description: 'Seconds for which there are too few, or more than enough, before something is done.',
      }),
    })
    .prefault({}),
  heartbeat: z
    .strictObject({
      seconds: z.int().min(1).max(600).default(30).meta({
        env: 'MOM4C_HEARTBEAT_SECONDS',
        description:
          'After so long without a word a task executor is pinged, and lost after three times that; the same for all managers of a domain.',
      }),
    })
    .prefault({}),
  node: z.string().refine(isNodeName, 'not a node name').optional().meta({
    env: 'MOM4C_NODE',
    description: 'The task executor beside which this manager runs; its supervisor says so.',
  }),
  people: z
    .record(z.string().refine(isBareJid, 'not an XMPP address without a resource'), z.enum(PERSON_ROLES))
    .default({})
    .meta({
      description:
        'What people with stock XMPP clients may do through an adapter: XMPP address to role, `viewer` or `operator`. ' +
        'Whoever is not named may do nothing.',
    }),
});

export type ClusterManagerSettings = z.output<typeof clusterManagerSettings>;
