/** The run as a whole: starts the worker, watches it, gathers what it found. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { MAX_RATIO } from './growth.ts';
import { inputOf } from './mutate/index.ts';
import { writeRegression } from './regressions.ts';
import { chosenTargets } from './targets.ts';
import type { Message, Work } from './worker.ts';

export type FuzzOptions = {
  readonly targets: readonly string[];
  readonly seed: number;
  readonly runs: number;
  readonly say: (line: string) => void;
};

export type FuzzResult = {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  /** For a person. */
  readonly faults: readonly string[];
  /** Octets of the heap, from when all was warm to the end. */
  readonly heapGrowth: number;
  /** The largest ratio of times for four times the size. */
  readonly slowest: number;
};

/** CPU time of one input, milliseconds: none of ours takes a hundredth of it. */
const CPU_LIMIT = 20_000;
/** Real time without any progress: something waits for what never comes. */
const IDLE_LIMIT = 300_000;
const WATCH_EVERY = 500;
const MAX_HEAP_GROWTH = 24e6;
/** Rounds until caches are full and all is compiled. */
const WARM_ROUNDS = 4;

export async function fuzz({ targets: names, seed, runs, say }: FuzzOptions): Promise<FuzzResult> {
  const targets = chosenTargets(names);
  const position = new Int32Array(new SharedArrayBuffer(16));
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-fuzz-'));
  const work: Work = { targets: names, seed, runs, position, folder };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: work });
  const faults: string[] = [];
  const heaps: number[] = [];
  const done = Promise.withResolvers<FuzzResult>();
  say(`seed ${seed}, ${runs} inputs, ${targets.length} targets`);

  const store = (target: string, index: number, fault: string, input: Uint8Array, detail: string): void => {
    const path = writeRegression({
      target,
      fault,
      seed,
      index,
      input: Buffer.from(input).toString('base64'),
    });
    faults.push(`${target}, seed ${seed}, input ${index}: ${fault}\nstored as ${path}\n${detail}`);
  };

  const watch = watchProgress(position, () => {
    const [target, index] = [targets[position[0]!]!, position[1]!];
    store(target.name, index, 'it takes too long', inputOf(target, seed, index), '');
    finish({ accepted: 0, refused: 0, slowest: 0 });
  });

  const finish = (counts: { accepted: number; refused: number; slowest: number }): void => {
    clearInterval(watch);
    const heapGrowth = Math.max(0, (heaps.at(-1) ?? 0) - (heaps[WARM_ROUNDS] ?? heaps.at(-1) ?? 0));
    if (heapGrowth > MAX_HEAP_GROWTH) faults.push(`the heap grows: ${heaps.join(', ')} octets`);
    done.resolve({ ...counts, inputs: position[2]!, faults, heapGrowth });
  };

  worker.on('message', (message: Message) => {
    if (message.kind === 'found') {
      const { target, index, fault } = message.found;
      store(target, index, fault.signature, message.input, fault.report);
    } else if (message.kind === 'round') {
      heaps.push(message.heap);
      say(`${position[2]} inputs, heap ${(message.heap / 1e6).toFixed(1)} MB, ${faults.length} faults`);
    } else {
      for (const { target, shape, ratio } of message.growths)
        if (ratio > MAX_RATIO)
          faults.push(
            `${target}: four times the size of shape ${shape} takes ${ratio.toFixed(1)} times as long`,
          );
      const slowest = Math.max(0, ...message.growths.map(({ ratio }) => ratio));
      finish({ ...message, slowest });
    }
  });
  const fail = (error: unknown): void => {
    clearInterval(watch);
    done.reject(error);
  };
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`the worker ended with code ${code} and without a result`)));
  try {
    return await done.promise;
  } finally {
    await worker.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** CPU time of the process is that of the worker, since this thread sleeps. */
function watchProgress(position: Int32Array, tooLong: () => void): NodeJS.Timeout {
  let [seen, cpu, idle] = [0, process.cpuUsage(), performance.now()];
  const watch = setInterval(() => {
    const now = Atomics.load(position, 3);
    if (now !== seen) [seen, cpu, idle] = [now, process.cpuUsage(), performance.now()];
    const { user, system } = process.cpuUsage(cpu);
    if (seen === 0 || ((user + system) / 1000 < CPU_LIMIT && performance.now() - idle < IDLE_LIMIT)) return;
    clearInterval(watch);
    tooLong();
  }, WATCH_EVERY);
  return watch;
}
