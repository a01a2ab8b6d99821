/**
 * The XMPP server of tests to which it is all one: Prosody, which is ready after a tenth of the processor time that an
 * ejabberd takes. What could depend on the server imports xmpp-server.ts and runs on both in `npm test`; these run on the
 * other one in `npm run test:long -- other-server`. By hand: `MOM4C_ANY_SERVER=ejabberd node --test FILE`.
 */
import { xmppServerKind } from '@mom4c/lab';

export const ANY_SERVER = xmppServerKind(process.env.MOM4C_ANY_SERVER ?? 'prosody');
