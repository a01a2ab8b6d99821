// Mutation seen red: a random number in the simulation that does not follow from the seed ("a seed is a run");
// an answer to a request counted as often as it comes (seed 51008882).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './simulate.ts';

const SEEDS = 500;
const PER_TEST = 100;

/** Found among ten thousand others. Schedules change: what showed once has a test beside what was mended. */
const FOUND = new Map([
  [725_372_457, 'what a restart makes an executor forget was held against its first answer'],
  [725_374_919, 'the clock of who took over was 52 s behind, and it waited for an absent target for as long'],
  [725_379_130, 'the same, by 48 s'],
  [51_008_882, 'an answer to a request that came twice counted twice'],
]);

for (let first = 1; first <= SEEDS; first += PER_TEST)
  test(`seeds ${first} to ${first + PER_TEST - 1}: no rule is broken, and in the end one manager leads`, async () => {
    const lines: string[] = [];
    let [epochs, waited] = [0, 0];
    for (let seed = first; seed < first + PER_TEST; seed++) {
      const { faults, counts } = await simulate(seed);
      epochs += counts.epochs!;
      waited += counts.waited!;
      for (const fault of faults) lines.push(`node test/simulation/replay.ts ${seed} # ${fault}`);
    }
    assert.deepEqual(lines, []);
    assert.ok(epochs > 2 * PER_TEST, 'it is about fail-over');
    assert.ok(waited > PER_TEST / 2, 'and about who asks while it is under way');
  });

for (const [seed, what] of FOUND)
  test(`seed ${seed}: ${what}`, async () => assert.deepEqual((await simulate(seed)).faults, []));

test('a seed is a run', async () => {
  const one = await simulate(7);
  assert.equal((await simulate(7)).hash, one.hash);
  assert.notEqual((await simulate(8)).hash, one.hash);
});
