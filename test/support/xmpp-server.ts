/**
 * Which XMPP server a test file is to run on. A file that imports this depends on the server, and so `npm test` runs it
 * once on each: see infra/bootstrap/tasks.ts. By hand: `MOM4C_TEST_SERVER=prosody node --test FILE`.
 */
import { XMPP_SERVERS, xmppServerKind } from '@mom4c/lab';

export const XMPP_SERVER = xmppServerKind(process.env.MOM4C_TEST_SERVER ?? XMPP_SERVERS[0]);
