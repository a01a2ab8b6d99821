import { PERSON_ROLES } from '@mom4c/access';
import { isBareJid } from '@mom4c/core';
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
