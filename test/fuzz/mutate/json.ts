/** Changes to values of JSON, so that the text stays JSON and reaches what looks at its meaning. */
import type { SeededRandom } from '../seeded-random.ts';
import type { Mutator } from './octets.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Place = { holder: Json[] | { [key: string]: Json }; key: string };

const VALUES: readonly Json[] = [
  null,
  true,
  0,
  -1,
  0.5,
  2 ** 53,
  -(2 ** 53),
  1e308,
  '',
  '\u0000',
  '\ud800',
  '*',
  'cm@alpha.test',
  'cm@alpha.test/x',
  'M4C_INTERNAL',
  'M4C_UNHEARD_OF',
  'a'.repeat(600),
  [],
  {},
  [[]],
  { room: 'cluster@conference.alpha.test', targets: '*' },
  { code: 'M4C_BUSY' },
];
const KEYS = ['__proto__', 'constructor', 'toString', 'type', 'id', 'to', 'error', 'result', 'args', 'x', ''];

/** What is not JSON any more is left as it is. */
export const changeJsonValue: Mutator = (input, random) => {
  let value: Json;
  try {
    value = JSON.parse(input.toString('utf8')) as Json;
  } catch {
    return input;
  }
  const root = [value];
  const { holder, key } = random.pick(places(root, 0));
  const put = (to: Json): void => {
    // An assignment to `__proto__` would not make a field.
    Object.defineProperty(holder, key, { value: to, enumerable: true, configurable: true, writable: true });
  };
  const old = (holder as { [key: string]: Json })[key]!;
  switch (random.below(5)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      put(random.pick(VALUES));
      break;
    case 2:
      put(nested(old, random.oneIn(4) ? 20 + random.below(40) : 1, random));
      break;
    case 3:
      addTo(old, random);
      break;
    default:
      if (typeof old === 'string') put(old + random.pick(['a', '\n', '@', '0', '/', '\u202e']));
      else if (typeof old === 'number') put(old + random.pick([1, -1, 0.5, 1e15]));
      else put(random.pick(VALUES));
  }
  return Buffer.from(JSON.stringify(root[0] ?? null));
};

function addTo(holder: Json, random: SeededRandom): void {
  const value = random.pick(VALUES);
  if (Array.isArray(holder)) holder.push(...Array.from({ length: 1 << random.below(8) }, () => value));
  else if (typeof holder === 'object' && holder !== null)
    Object.defineProperty(holder, random.pick(KEYS), { value, enumerable: true, configurable: true });
}

function nested(value: Json, levels: number, random: SeededRandom): Json {
  let inside = value;
  for (let level = 0; level < levels; level++) inside = random.oneIn(2) ? [inside] : { a: inside };
  return inside;
}

function places(holder: Json[] | { [key: string]: Json }, depth: number): Place[] {
  return Object.entries(holder).flatMap(([key, value]) => [
    { holder, key },
    ...(typeof value === 'object' && value !== null && depth < 30 ? places(value, depth + 1) : []),
  ]);
}
