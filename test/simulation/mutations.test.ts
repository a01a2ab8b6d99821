/** What the simulation is worth: each rule broken once, and how soon that shows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hunt } from './hunting.ts';
import { MUTATIONS } from './mutations.ts';

/** Of each mutation. */
const SEEDS = 60;

for (const mutation of MUTATIONS)
  test(`it shows if ${mutation.name}`, async (t) => {
    const { seed, faults } = await hunt({ mutation, from: mutation.first ?? 1, seeds: SEEDS });
    assert.notEqual(seed, undefined, `no fault in ${SEEDS} seeds`);
    t.diagnostic(`seed ${seed}: ${faults[0]}`);
  });

test('a change of a text that is not there is an error, not a mutation that nothing finds', async () => {
  const mutation = { ...MUTATIONS[0]!, from: 'a text that is not there' };
  await assert.rejects(hunt({ mutation, from: 1, seeds: 1 }), /does not hold exactly once/);
});
