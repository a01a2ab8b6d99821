/** Three managers under load: the one that leads is cut off, or several are killed. Nothing accepted is lost. */
// Mutation seen red: values of the counted acts repeated.
import { ANY_SERVER } from '../support/any-server.ts';
import { faultRounds } from '../support/fault-rounds.ts';
import { SEPARATIONS } from '../support/losses.ts';

faultRounds(SEPARATIONS, { relays: true, server: ANY_SERVER });
