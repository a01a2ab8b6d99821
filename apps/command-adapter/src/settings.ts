import { isDomain } from '@mom4c/core';
import { memberShape } from '@mom4c/member';
import { componentServerShape, filePath } from '@mom4c/runtime';
import * as z from 'zod';

const domain = z.string().refine(isDomain, 'not a domain name in lower case');

/** docs/config.md is made from this. */
export const commandAdapterSettings = z.strictObject({
  ...memberShape,
  component: z.strictObject({
    domain: domain.meta({
      env: 'MOM4C_COMPONENT_DOMAIN',
      description: 'Address of the adapter as an external component (XEP-0114), such as `commands.<domain>`.',
    }),
    ...componentServerShape,
    secretFile: filePath('secret').meta({
      env: 'MOM4C_COMPONENT_SECRET_FILE',
      description: 'File (mode 0600) with the secret that the XMPP server has for this component.',
    }),
  }),
  people: domain.meta({
    env: 'MOM4C_PEOPLE',
    description: 'Host of the people whom it serves, such as `people.<domain>`. Nobody else is answered.',
  }),
});

export type CommandAdapterSettings = z.output<typeof commandAdapterSettings>;
