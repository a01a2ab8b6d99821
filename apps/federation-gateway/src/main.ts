/** The federation gateway of a domain: what its XMPP server routes to partners, and what they send. */
import { Mom4cError } from '@mom4c/core';
import { runMember } from '@mom4c/member';
import { federationGatewaySettings } from './settings.ts';

await runMember({
  name: 'federation-gateway',
  role: 'gateway',
  schema: federationGatewaySettings,
  start: async () => {
    throw new Mom4cError('M4C_INTERNAL', 'not there yet');
  },
});
