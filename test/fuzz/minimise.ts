/** The smallest part of an input that still shows the same fault. */
import { runInput } from './run-input.ts';
import type { Target } from './target.ts';

/** Each costs one run of the codec. */
const MAX_TRIES = 3_000;

/** Cuts out parts, large ones first, as long as the fault stays the same (Zeller's ddmin without its complements). */
export async function minimise(target: Target, input: Uint8Array, signature: string): Promise<Uint8Array> {
  let smallest = input;
  let tries = 0;
  for (let size = Math.ceil(smallest.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.length && tries < MAX_TRIES; tries++) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      const outcome = await runInput(target, shorter);
      if (typeof outcome !== 'string' && outcome.signature === signature) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}
