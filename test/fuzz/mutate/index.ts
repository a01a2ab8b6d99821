/** The n-th input of a target under a seed: always the same. */
import { seededRandom, type SeededRandom } from '../seeded-random.ts';
import type { Grammar, Target } from '../target.ts';
import { changeDer } from './der.ts';
import { changeJsonValue } from './json.ts';
import { type Mutator, OCTET_MUTATORS } from './octets.ts';
import { changeJson, changeText, changeXml } from './text.ts';

const GRAMMATICAL: Readonly<Record<Grammar, readonly Mutator[]>> = {
  der: [changeDer],
  xml: [changeXml],
  json: [changeJsonValue, changeJsonValue, changeJson],
  text: [changeText],
};

/** What no codec of ours takes; longer inputs only cost time. */
const MAX_OCTETS = 300_000;

export function inputOf(target: Target, seed: number, index: number): Buffer {
  const random = seededRandom(seed, target.name, index);
  let input: Buffer = Buffer.from(random.pick(target.seeds));
  // Mostly one or two changes: after many hardly anything gets past the first check.
  const changes = random.oneIn(3) ? 1 + random.below(8) : 1 + random.below(2);
  for (let change = 0; change < changes; change++) input = mutate(target, input, random);
  return input.subarray(0, MAX_OCTETS);
}

function mutate({ grammar, seeds }: Target, input: Buffer, random: SeededRandom): Buffer {
  const mutators = random.oneIn(3) ? OCTET_MUTATORS : GRAMMATICAL[grammar];
  return random.pick(mutators)(input, random, seeds);
}
