/** From what a codec did to a verdict: only refusals of the catalogue are expected. */
import { type ErrorCode, Mom4cError } from '@mom4c/core';
import type { Verdict } from './target.ts';

/**
 * @param codes with which this codec may refuse; never M4C_INTERNAL, which stands for bugs
 * @throws what else was thrown
 */
export function verdictOf(work: () => unknown, codes: readonly ErrorCode[]): Verdict {
  try {
    work();
    return 'accepted';
  } catch (thrown) {
    return refusal(thrown, codes);
  }
}

/** As `verdictOf`. */
export async function verdictOfAsync(
  work: () => Promise<unknown>,
  codes: readonly ErrorCode[],
): Promise<Verdict> {
  try {
    await work();
    return 'accepted';
  } catch (thrown) {
    return refusal(thrown, codes);
  }
}

function refusal(thrown: unknown, codes: readonly ErrorCode[]): Verdict {
  if (thrown instanceof Mom4cError && codes.includes(thrown.code)) return 'refused';
  throw thrown;
}
