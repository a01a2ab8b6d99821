/**
 * Which XMPP server a test file is to run on. A file that imports this depends on the server, and so `npm test` runs it
 * once on each: see infra/bootstrap/tasks.ts. By hand: `MOM4C_TEST_SERVER=prosody node --test FILE`.
 */
import { XMPP_SERVERS } from '@mom4c/lab';
import type { XmppServerKind } from '@mom4c/lab';

export const XMPP_SERVER: XmppServerKind = chosen(process.env.MOM4C_TEST_SERVER ?? XMPP_SERVERS[0]);

function chosen(name: string): XmppServerKind {
  const found = XMPP_SERVERS.find((known) => known === name);
  if (found === undefined)
    throw new Error(`MOM4C_TEST_SERVER is one of ${XMPP_SERVERS.join(', ')}, not ${name}`);
  return found;
}
