import { fuzz } from '../fuzz/fuzz.ts';
import { TARGETS } from '../fuzz/targets.ts';
import type { Part } from './part.ts';

const RUNS = 1_000_000;

export const fuzzMillion: Part = {
  name: 'fuzz-million',
  what: 'a million changed inputs through every codec that takes octets from outside (`npm run fuzz`)',
  async run({ say }) {
    const seed = Date.now() % 1_000_000_000;
    const targets = TARGETS.map(({ name }) => name);
    const result = await fuzz({ targets, seed, runs: RUNS, say });
    const { inputs, accepted, refused, faults, heapGrowth, slowest } = result;
    return {
      counts: {
        inputs,
        targets: targets.length,
        accepted,
        refused,
        seed,
        'heap growth': `${(heapGrowth / 1e6).toFixed(1)} MB`,
        'time for four times the size': `at most ${slowest.toFixed(1)} times`,
      },
      // The rest is for who looks at the terminal.
      faults: faults.map((fault) => fault.split('\n', 1)[0]!),
    };
  },
};
