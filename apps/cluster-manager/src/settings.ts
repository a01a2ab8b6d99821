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
});

export type ClusterManagerSettings = z.output<typeof clusterManagerSettings>;
