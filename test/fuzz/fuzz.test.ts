/**
 * Ten thousand inputs of one seed through every codec; `npm run fuzz` runs a million of another one. And each input
 * that has once found a fault.
 *
 * Mutation seen red, in the product: digest or signature of CMS not compared, the MAC of the keystore not compared,
 * nothing held back of the markup of a stream, `new URL` for a request line; each regression before its mend.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inputsOf } from './plan.ts';
import { readRegressions } from './regressions.ts';
import { runInput, runInputs } from './run-input.ts';
import { chosenTargets, TARGETS } from './targets.ts';

const RUNS = 10_000;
const SEED = 20_250_601;

describe('every target', () => {
  for (const [target, to] of inputsOf(TARGETS, RUNS))
    test(target.name, async () => {
      // Else what is refused below might be refused for another reason.
      for (const seed of target.seeds) assert.equal(await runInput(target, seed), 'accepted');
      const { found, refused } = await runInputs(target, { seed: SEED, from: 0, to });
      for (const { index, fault } of found)
        assert.fail(
          `npm run fuzz -- --target ${target.name} --seed ${SEED}, input ${index}: ${fault.report}`,
        );
      assert.ok(refused > 0, 'no input was refused');
    });
});

test('what once found a fault finds none', async () => {
  const regressions = readRegressions();
  assert.ok(regressions.length > 0);
  for (const { target: name, fault, input } of regressions) {
    const [target] = chosenTargets([name]);
    const outcome = await runInput(target!, Buffer.from(input, 'base64'));
    assert.equal(typeof outcome, 'string', `${name}, ${fault}: ${JSON.stringify(outcome)}`);
  }
});
