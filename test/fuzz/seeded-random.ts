/** Random numbers that follow from a seed alone, so that every input can be made again. */
import { createHash } from 'node:crypto';

export type SeededRandom = {
  /** 0 to `limit` - 1. */
  below(limit: number): number;
  /** Once in `n` times. */
  oneIn(n: number): boolean;
  /** @param from not empty */
  pick<Value>(from: readonly Value[]): Value;
  octets(count: number): Buffer;
};

/** xoshiro128** (Blackman and Vigna), started from the SHA-256 of the name of what is to be drawn. */
export function seededRandom(...name: readonly (string | number)[]): SeededRandom {
  const start = createHash('sha256').update(name.join('\0')).digest();
  const state = new Uint32Array([0, 4, 8, 12].map((at) => start.readUInt32LE(at)));
  const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

  const next = (): number => {
    const [a, b, c, d] = state as unknown as [number, number, number, number];
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    const [c1, d1] = [c ^ a, d ^ b];
    state[1] = b ^ c1;
    state[0] = a ^ d1;
    state[2] = c1 ^ shifted;
    state[3] = rotate(d1, 11);
    return result;
  };

  const below = (limit: number): number => Math.floor((next() / 0x1_0000_0000) * limit);
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: (from) => from[below(from.length)]!,
    octets: (count) => Buffer.from(Uint8Array.from({ length: count }, () => below(256))),
  };
}
