/** Changes that know nothing of what the octets mean. */
import type { SeededRandom } from '../seeded-random.ts';

export type Mutator = (input: Buffer, random: SeededRandom, others: readonly Uint8Array[]) => Buffer;

const TELLING = [0x00, 0x01, 0x7f, 0x80, 0x81, 0xa0, 0xc0, 0xfe, 0xff, 0x30, 0x3c, 0x26, 0x22, 0x5c, 0x0a];
/** Lengths in the forms of DER: indefinite, of four, eight and 126 octets. */
const HUGE_LENGTHS = ['80', '847fffffff', '84ffffffff', '88ffffffffffffffff', 'fe', 'ff'];

const joined = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

/** A part of at most `limit` octets: where it begins and ends. */
function part(input: Buffer, random: SeededRandom, limit: number): [number, number] {
  const start = random.below(input.length + 1);
  return [start, Math.min(input.length, start + 1 + random.below(limit))];
}

export const flipBit: Mutator = (input, random) => {
  const changed = Buffer.from(input);
  if (changed.length === 0) return changed;
  const at = random.below(changed.length);
  changed[at] = changed[at]! ^ (1 << random.below(8));
  return changed;
};

const setOctet: Mutator = (input, random) => {
  const changed = Buffer.from(input);
  if (changed.length > 0) changed[random.below(changed.length)] = random.pick(TELLING);
  return changed;
};

const remove: Mutator = (input, random) => {
  const [start, end] = part(input, random, 32);
  return joined(input.subarray(0, start), input.subarray(end));
};

const repeat: Mutator = (input, random) => {
  const [start, end] = part(input, random, 64);
  const copies = Array.from({ length: 1 + random.below(8) }, () => input.subarray(start, end));
  return joined(input.subarray(0, end), ...copies, input.subarray(end));
};

const insert: Mutator = (input, random) => {
  const at = random.below(input.length + 1);
  return joined(input.subarray(0, at), random.octets(1 + random.below(8)), input.subarray(at));
};

const truncate: Mutator = (input, random) => input.subarray(0, random.below(input.length + 1));

const claimLength: Mutator = (input, random) => {
  const at = random.below(input.length + 1);
  const length = Buffer.from(random.pick(HUGE_LENGTHS), 'hex');
  return joined(input.subarray(0, at), length, input.subarray(at + (random.oneIn(2) ? length.length : 1)));
};

/** The beginning of this and the end of another. */
export const splice: Mutator = (input, random, others) => {
  const other = random.pick(others);
  return joined(
    input.subarray(0, random.below(input.length + 1)),
    other.subarray(random.below(other.length + 1)),
  );
};

export const OCTET_MUTATORS: readonly Mutator[] = [
  flipBit,
  flipBit,
  setOctet,
  remove,
  repeat,
  insert,
  truncate,
  claimLength,
  splice,
];
