import { simulate } from '../simulation/simulate.ts';
import type { Part } from './part.ts';

const SEEDS = 10_000;

export const simulationTenThousand: Part = {
  name: 'simulation',
  what: 'ten thousand seeds of the fail-over in virtual time (`docs/simulation.md`)',
  async run({ say }) {
    const first = Date.now() % 1_000_000_000;
    const sums: Record<string, number> = {};
    const faults: string[] = [];
    for (let seed = first; seed < first + SEEDS; seed++) {
      const run = await simulate(seed);
      for (const [what, count] of Object.entries(run.counts)) sums[what] = (sums[what] ?? 0) + count;
      for (const fault of run.faults) faults.push(`node test/simulation/replay.ts ${seed} # ${fault}`);
      if ((seed - first + 1) % 1000 === 0) say(`${seed - first + 1} seeds, ${faults.length} faults`);
    }
    const { epochs, accepted, acts, unknown } = sums;
    return {
      counts: { seeds: SEEDS, first, epochs: epochs!, accepted: accepted!, acts: acts!, unknown: unknown! },
      faults,
    };
  },
};
