import { randomBytes } from 'node:crypto';

/** Randomness enters through here, so that a simulation can repeat it. */
export interface Random {
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (count) => randomBytes(count) };
