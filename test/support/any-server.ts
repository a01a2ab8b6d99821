/**
 * The XMPP server of tests to which it is all one: Prosody, which is ready after a tenth of the processor time that an
 * ejabberd takes. What could depend on the server imports xmpp-server.ts and runs on both.
 */
import type { XmppServerKind } from '@mom4c/lab';

export const ANY_SERVER: XmppServerKind = 'prosody';
