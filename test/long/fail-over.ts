/** Losing managers, servers and links again and again under load: nothing accepted may be lost, nothing acted on twice. */
import { openFailOverRange, IN_FLIGHT } from '../support/fail-over-range.ts';
import type { FailOverRange } from '../support/fail-over-range.ts';
import { executorKilled, kill, OUTAGES, SEPARATIONS } from '../support/losses.ts';
import type { Loss } from '../support/losses.ts';
import { settles } from '../support/settles.ts';
import type { Part, PartResult } from './part.ts';

const KILLS = 300;
const EACH = 30;
/** Requests after each loss, in times of those in flight: so many that the whole comes to a hundred thousand. */
const AFTER = 2;
/** An executor refuses to act when it must remember 20,000 acts of the last hour (docs/limits.md): a new lab has none. */
const ROUNDS_OF_A_LAB = 50;

/** A part for each kind of loss, so that each can be run by itself. */
export const failOver: readonly Part[] = [
  partOf(kill, KILLS),
  ...[...OUTAGES, executorKilled, ...SEPARATIONS].map((loss) => partOf(loss, EACH)),
];

function partOf(loss: Loss, usual: number): Part {
  return {
    name: `fail-over-${loss.id}`,
    what: `${loss.name}, ${usual} times with ${IN_FLIGHT} requests in flight: what was accepted has its outcome, and nothing is done twice`,
    run: ({ say, rounds }) => run(loss, rounds ?? usual, say),
  };
}

/** What several labs have counted. */
type Sum = { readonly counts: Record<string, number>; readonly faults: string[] };

async function run(loss: Loss, rounds: number, say: (line: string) => void): Promise<PartResult> {
  const sum: Sum = {
    counts: { losses: 0, accepted: 0, 'lost after acceptance': 0, 'not accepted in the end': 0 },
    faults: [],
  };
  for (let left = rounds; left > 0 && sum.faults.length === 0; left -= ROUNDS_OF_A_LAB) {
    await inOneLab(loss, Math.min(left, ROUNDS_OF_A_LAB), sum);
    say(JSON.stringify(sum.counts));
  }
  return sum;
}

async function inOneLab(loss: Loss, rounds: number, { counts, faults }: Sum): Promise<void> {
  const range = await openFailOverRange({ leaseSeconds: 3, relays: SEPARATIONS.includes(loss) });
  const add = (what: string, count: number): void => void (counts[what] = (counts[what] ?? 0) + count);
  try {
    for (let round = 0; round < rounds; round++) {
      const { accepted, lost, refused, states } = await once(range, loss);
      add('losses', 1);
      add('accepted', accepted);
      add('lost after acceptance', sumOf(lost));
      add('not accepted in the end', sumOf(refused));
      for (const [state, count] of Object.entries(states)) add(`targets ${state}`, count);
      if (sumOf(lost) > 0) faults.push(`lost: ${JSON.stringify(lost)}`);
    }
  } catch (thrown) {
    faults.push(thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    await range.close();
  }
  const twice = range.acts.twice();
  add('acts', range.acts.count);
  add('acted on twice', twice.length);
  if (twice.length > 0) faults.push(`acted on twice: ${twice.slice(0, 10).join(', ')}`);
}

async function once(range: FailOverRange, { name, served, strike }: Loss) {
  const { load, leader } = await range.begin();
  const mend = await strike(range, leader);
  if (served) await settles(load.progress(AFTER * IN_FLIGHT), `outcomes while ${name}`);
  await mend();
  await settles(load.progress(AFTER * IN_FLIGHT), `outcomes after ${name}`);
  return load.end();
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
