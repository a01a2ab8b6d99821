import type { Command } from '@mom4c/core';
import { events } from './events.ts';
import {
  federation,
  federationconnect,
  federationdisconnect,
  federationmetadata,
  federationpartners,
} from './federation.ts';
import { listactuators } from './listactuators.ts';
import { listsensors } from './listsensors.ts';
import { managers, managerspromote } from './managers.ts';
import { noderole } from './noderole.ts';
import { nodes } from './nodes.ts';
import { ping } from './ping.ts';
import { readsensor } from './readsensor.ts';
import { setactuator } from './setactuator.ts';

/** Every command there is. A new one is a file beside this and a line here; see CONTRIBUTING. */
export const COMMANDS: readonly Command[] = [
  listsensors,
  readsensor,
  listactuators,
  setactuator,
  ping,
  nodes,
  noderole,
  managers,
  managerspromote,
  events,
  federation,
  federationpartners,
  federationconnect,
  federationdisconnect,
  federationmetadata,
];

export { linkSchema, LINK_STATES, partnerSchema } from './federation-schemas.ts';
export type { FederationReport, LinkReport, PartnerReport } from './federation-schemas.ts';
export { sensorRecord } from './senml.ts';
export { eventRow, timeIn } from './events.ts';
export {
  events,
  federation,
  federationconnect,
  federationdisconnect,
  federationmetadata,
  federationpartners,
  listactuators,
  listsensors,
  managers,
  managerspromote,
  noderole,
  nodes,
  ping,
  readsensor,
  setactuator,
};
