import { PERSON_ROLES } from '@mom4c/access';
import { isBareJid } from '@mom4c/core';
import { memberShape } from '@mom4c/member';
import * as z from 'zod';

/** docs/config.md is made from this. */
export const clusterManagerSettings = z.strictObject({
  ...memberShape,
  nats: z.strictObject({
    url: z
      .url({ protocol: /^tls$/ })
      .meta({ env: 'MOM4C_NATS_URL', description: 'NATS server of the domain, with JetStream: `tls://…`.' }),
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
