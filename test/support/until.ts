/** For what nobody is told of: to be asked for again and again. What tells of itself is awaited instead. */
import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds between two looks: who asks without a rest takes from what he looks at the time that it needs. */
const REST = 100;

/** Resolves when it holds, without a limit of its own: see settles.ts. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(REST);
}
