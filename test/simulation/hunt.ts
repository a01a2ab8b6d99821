/** A thread: breaks one rule, runs seeds until one shows it, and says which. */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { Mutation } from './mutations.ts';

export type Hunt = { readonly mutation: Mutation | undefined; readonly from: number; readonly seeds: number };
export type Prey = { readonly seed: number | undefined; readonly faults: readonly string[] };

const { mutation, from, seeds } = workerData as Hunt;
let applied = mutation === undefined;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!mutation || !url.endsWith(`/${mutation.file}`)) return loaded;
    const text = Buffer.from(loaded.source as Uint8Array).toString();
    applied = text.split(mutation.from).length === 2;
    return { ...loaded, source: text.replace(mutation.from, () => mutation.to) };
  },
});

// Only now, so that it is the broken one.
const { simulate } = await import('./simulate.ts');
if (!applied) throw new Error(`${mutation?.file} does not hold exactly once: ${mutation?.from}`);

let prey: Prey = { seed: undefined, faults: [] };
for (let seed = from; seed < from + seeds && prey.seed === undefined; seed++) {
  const { faults } = await simulate(seed);
  if (faults.length > 0) prey = { seed, faults };
}
parentPort!.postMessage(prey);
