/** Losing managers, servers and links again and again under load: nothing accepted may be lost, nothing acted on twice. */
import { openFailOverRange, IN_FLIGHT } from '../support/fail-over-range.ts';
import type { FailOverRange } from '../support/fail-over-range.ts';
import { kill, LOSSES } from '../support/losses.ts';
import type { Loss } from '../support/losses.ts';
import { settles } from '../support/settles.ts';
import type { Options, Part, PartResult } from './part.ts';

const KILLS = 300;
const EACH = 30;
/** Requests after each loss, in times of those in flight: so many that the whole comes to a hundred thousand. */
const AFTER_KILL = 4;
const AFTER_LOSS = 3;

export const failOverKills: Part = {
  name: 'fail-over-kills',
  what: `the manager that leads is killed ${KILLS} times with ${IN_FLIGHT} requests in flight: everything accepted has its outcome, and no act happens twice`,
  run: (options) => run(options, [kill], KILLS, AFTER_KILL),
};

export const failOverLosses: Part = {
  name: 'fail-over-losses',
  what: `${EACH} times each: ${LOSSES.map(({ name }) => name).join('; ')}; with ${IN_FLIGHT} requests in flight, and the same must hold`,
  run: (options) => run(options, LOSSES, EACH, AFTER_LOSS),
};

async function run(
  { say, rounds: wanted }: Options,
  losses: readonly Loss[],
  usual: number,
  more: number,
): Promise<PartResult> {
  const rounds = wanted ?? usual;
  const range = await openFailOverRange({ leaseSeconds: 3, relays: losses === LOSSES });
  const counts = { losses: 0, accepted: 0, 'lost after acceptance': 0, 'not accepted in the end': 0 };
  const states: Record<string, number> = {};
  const faults: string[] = [];
  try {
    for (let round = 1; round <= rounds; round++)
      for (const loss of losses) {
        const account = await once(range, loss, more);
        counts.losses += 1;
        counts.accepted += account.accepted;
        counts['lost after acceptance'] += sum(account.lost);
        counts['not accepted in the end'] += sum(account.refused);
        for (const [state, count] of Object.entries(account.states))
          states[state] = (states[state] ?? 0) + count;
        if (sum(account.lost) > 0)
          faults.push(`${loss.name}, ${round}: lost ${JSON.stringify(account.lost)}`);
        if (round % 10 === 0)
          say(`${loss.name}, ${round}: ${JSON.stringify(counts)} ${JSON.stringify(states)}`);
      }
    const twice = range.acts.twice();
    if (twice.length > 0) faults.push(`acted on twice: ${twice.slice(0, 10).join(', ')}`);
    const outcomes = Object.fromEntries(
      Object.entries(states).map(([state, count]) => [`targets ${state}`, count]),
    );
    return {
      counts: { ...counts, ...outcomes, acts: range.acts.count, 'acted on twice': twice.length },
      faults,
    };
  } finally {
    await range.close();
  }
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
