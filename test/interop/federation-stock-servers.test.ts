/**
 * The levels below `sso` with Debian's ejabberd and Prosody as they are, by their own server-to-server modules, found by SRV
 * and finding us by SRV. Three domains of ours, one for each level, and each stock server speaks to all of them; a person
 * with slixmpp at each sees whether it works.
 *
 * Mutation seen red: below `encrypted` a configured port tried in clear only.
 */
import { testMatrix } from './federation-matrix.ts';
import { openStockServers } from './federation-stock-servers-matrix.ts';

await testMatrix('stock-servers', openStockServers);
