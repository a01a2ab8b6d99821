/** Three managers under load: the one that leads is cut off, or several are killed. Nothing accepted is lost. */
// Mutation seen red: values of the counted acts repeated.
import { faultRounds } from '../support/fault-rounds.ts';
import { SEPARATIONS } from '../support/losses.ts';

faultRounds(SEPARATIONS, { relays: true });
