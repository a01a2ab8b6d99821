/** Runs the inputs in a thread of its own, since only another thread can tell that one hangs. */
import { setFlagsFromString, getHeapStatistics } from 'node:v8';
import { runInContext, createContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { type Growth, measureGrowth } from './growth.ts';
import { minimise } from './minimise.ts';
import { inputOf } from './mutate/index.ts';
import { rounds } from './plan.ts';
import { type FoundInput, runInputs } from './run-input.ts';
import { chosenTargets } from './targets.ts';

export type Work = {
  readonly targets: readonly string[];
  readonly seed: number;
  readonly runs: number;
  /** [number of the target, number of the input, how many there were, signs of life]: where it is now. */
  readonly position: Int32Array;
  /** For targets that read files; whoever starts the thread removes it. */
  readonly folder: string;
};

export type Message =
  | { kind: 'found'; found: FoundInput; input: Uint8Array }
  /** After a forced collection: octets of the heap and of what it holds outside. */
  | { kind: 'round'; heap: number }
  | { kind: 'done'; accepted: number; refused: number; growths: Growth[] };

const { targets: names, seed, runs, position } = workerData as Work;
const targets = chosenTargets(names);
const tell = (message: Message): void => parentPort!.postMessage(message);

setFlagsFromString('--expose-gc');
const collect = runInContext('gc', createContext()) as () => void;

const totals = { accepted: 0, refused: 0 };
const known = new Set<string>();

for (const round of rounds(targets, runs)) {
  for (const { target, from, to } of round) {
    Atomics.store(position, 0, targets.indexOf(target));
    const { accepted, refused, found } = await runInputs(target, { seed, from, to }, at);
    totals.accepted += accepted;
    totals.refused += refused;
    for (const each of found) await report(each);
  }
  collect();
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics();
  tell({ kind: 'round', heap: heap + outside });
}
const growths: Growth[] = [];
for (const target of targets) growths.push(...(await measureGrowth(target, alive)));
tell({ kind: 'done', ...totals, growths });

function at(index: number): void {
  Atomics.store(position, 1, index);
  Atomics.add(position, 2, 1);
  alive();
}

function alive(): void {
  Atomics.add(position, 3, 1);
}

async function report(found: FoundInput): Promise<void> {
  const { signature } = found.fault;
  if (known.has(found.target + signature)) return;
  known.add(found.target + signature);
  alive();
  const target = targets.find(({ name }) => name === found.target)!;
  const input = await minimise(target, inputOf(target, seed, found.index), signature);
  tell({ kind: 'found', found, input });
}
