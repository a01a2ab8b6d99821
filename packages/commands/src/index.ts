import type { Command } from '@mom4c/core';
import { listsensors } from './listsensors.ts';
import { nodes } from './nodes.ts';
import { ping } from './ping.ts';
import { readsensor } from './readsensor.ts';

/** Every command there is. A new one is a file beside this and a line here; see CONTRIBUTING. */
export const COMMANDS: readonly Command[] = [listsensors, readsensor, ping, nodes];

export { sensorRecord } from './senml.ts';
export { listsensors, nodes, ping, readsensor };
