/** Tests of three managers under load: each loss strikes twice and is mended again, and nothing that was accepted may be lost. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { ANY_SERVER } from './any-server.ts';
import { LIGHT_LOAD, openFailOverRange } from './fail-over-range.ts';
import type { FailOverRange, RangeOptions } from './fail-over-range.ts';
import type { Loss } from './losses.ts';
import { settles } from './settles.ts';
import type { SteadyLoad } from './steady-load.ts';

export const ROUNDS = 2;
/** Of outcomes: at least ten are of requests that nobody had sent before. */
const ENOUGH = LIGHT_LOAD.inFlight + 10;

export type FaultRounds = {
  /** Within a test. */
  readonly range: FailOverRange;
  /** The load has outcomes. */
  goesOn(load: SteadyLoad, when: string): Promise<void>;
  /** It goes on, is ended, and nothing was lost or done twice. */
  finish(load: SteadyLoad): Promise<void>;
};

/** @param options of the range */
export function faultRounds(losses: readonly Loss[], options: Pick<RangeOptions, 'relays'>): FaultRounds {
  let opened: FailOverRange | undefined;
  const rounds: FaultRounds = {
    get range() {
      return opened!;
    },
    goesOn: (load, when) => settles(load.progress(ENOUGH), `outcomes ${when}`),
    async finish(load) {
      await rounds.goesOn(load, 'after the loss');
      const { lost, accepted } = await load.end();
      const { acts } = rounds.range;
      assert.deepEqual(lost, {}, `of ${accepted} accepted`);
      assert.deepEqual(acts.twice(), [], `of ${acts.count} acts`);
    },
  };

  before(async () => {
    opened = await openFailOverRange({
      ...{ server: ANY_SERVER, leaseSeconds: 6, load: LIGHT_LOAD },
      ...options,
    });
  });
  /** A round that failed must not be told again by those after it. */
  beforeEach(() => opened?.acts.forget());
  after(() => opened?.close());

  for (const { name, served, strike } of losses)
    for (let round = 1; round <= ROUNDS; round++)
      test(`${name}, round ${round}`, async () => {
        const { range } = rounds;
        const { load, leader } = await range.begin();
        const mend = await strike(range, leader);
        if (served) await rounds.goesOn(load, 'while it is lost');
        await mend();
        await rounds.finish(load);
      });
  return rounds;
}
