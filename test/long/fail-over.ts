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
const AFTER_KILL = 4;
const AFTER_LOSS = 3;

/** A part for each kind of loss, so that each can be run by itself. */
export const failOver: readonly Part[] = [
  partOf(kill, KILLS, AFTER_KILL),
  ...[...OUTAGES, executorKilled].map((loss) => partOf(loss, EACH, AFTER_LOSS)),
  ...SEPARATIONS.map((loss) => partOf(loss, EACH, AFTER_LOSS)),
];

function partOf(loss: Loss, usual: number, more: number): Part {
  return {
    name: `fail-over-${loss.id}`,
    what: `${loss.name}, ${usual} times with ${IN_FLIGHT} requests in flight: what was accepted has its outcome, and nothing is done twice`,
    run: ({ say, rounds }) => run(loss, rounds ?? usual, more, say),
  };
}

async function run(
  loss: Loss,
  rounds: number,
  more: number,
  say: (line: string) => void,
): Promise<PartResult> {
  const range = await openFailOverRange({ leaseSeconds: 3, relays: SEPARATIONS.includes(loss) });
  const counts = { losses: 0, accepted: 0, 'lost after acceptance': 0, 'not accepted in the end': 0 };
  const states: Record<string, number> = {};
  const faults: string[] = [];
  const soFar = (): PartResult['counts'] => ({
    ...counts,
    ...Object.fromEntries(Object.entries(states).map(([state, count]) => [`targets ${state}`, count])),
    acts: range.acts.count,
    'acted on twice': range.acts.twice().length,
  });
  try {
    for (let round = 1; round <= rounds; round++) {
      const account = await once(range, loss, more);
      counts.losses += 1;
      counts.accepted += account.accepted;
      counts['lost after acceptance'] += sum(account.lost);
      counts['not accepted in the end'] += sum(account.refused);
      for (const [state, count] of Object.entries(account.states))
        states[state] = (states[state] ?? 0) + count;
      if (sum(account.lost) > 0) faults.push(`round ${round}: lost ${JSON.stringify(account.lost)}`);
      if (round % 10 === 0) say(`round ${round}: ${JSON.stringify(soFar())}`);
    }
  } catch (thrown) {
    faults.push(`round ${counts.losses + 1}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  } finally {
    await range.close();
  }
  const twice = range.acts.twice();
  if (twice.length > 0) faults.push(`acted on twice: ${twice.slice(0, 10).join(', ')}`);
  return { counts: soFar(), faults };
}

async function once(range: FailOverRange, { name, served, strike }: Loss, more: number) {
  const { load, leader } = await range.begin();
  const mend = await strike(range, leader);
  if (served) await settles(load.progress(more * IN_FLIGHT), `outcomes while ${name}`);
  await mend();
  await settles(load.progress(more * IN_FLIGHT), `outcomes after ${name}`);
  return load.end();
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
