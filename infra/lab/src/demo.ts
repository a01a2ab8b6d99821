/**
 * `npm run demo`: a domain at work. `npm run demo -- federation`: two of them, and who may speak to whom. From nothing and
 * back to nothing; it ends with 0 only if each step did what it says. On Prosody: `npm run demo -- --server prosody`.
 */
import { parseArgs } from 'node:util';
import { Mom4cError } from '@mom4c/core';
import { showDomain } from './demo-domain.ts';
import { showFederation } from './demo-federation.ts';
import { XMPP_SERVERS, xmppServerKind } from './xmpp-server.ts';

const PLAYS: Readonly<Record<string, typeof showDomain>> = { domain: showDomain, federation: showFederation };

const { values, positionals } = parseArgs({
  options: { server: { type: 'string', default: XMPP_SERVERS[0] } },
  allowPositionals: true,
});
const [name = 'domain', ...rest] = positionals;
const play = Object.hasOwn(PLAYS, name) ? PLAYS[name] : undefined;
if (!play || rest.length > 0)
  throw new Mom4cError('M4C_USAGE', `there are the demos ${Object.keys(PLAYS).join(' and ')}`);
await play(xmppServerKind(values.server));
