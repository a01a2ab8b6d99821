/**
 * People with a stock client (slixmpp) on stock servers of three domains, ejabberd and Prosody as they are: through the
 * gateways they see each other's presence, write to each other and meet in each other's rooms.
 *
 * Mutation seen red: presences taken back when a stream opens for them.
 */
import { openClients } from './federation-clients-matrix.ts';
import { testMatrix } from './federation-matrix.ts';

await testMatrix('clients', openClients);
