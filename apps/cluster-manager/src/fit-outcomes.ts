import { Mom4cError } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';

/**
 * The outcomes of a command travel in one message. Where they do not fit, the largest results are given up, and their
 * targets are stated as failed with M4C_TOO_LARGE: a stated outcome, never a missing line.
 * @param capacity octets of JSON
 */
export function fitOutcomes(outcomes: readonly Outcome[], capacity: number): Outcome[] {
  const sized = outcomes.map((outcome) => ({ outcome, octets: sizeOf(outcome) }));
  let total = sized.reduce((sum, { octets }) => sum + octets, 0);
  const largestFirst = sized
    .filter(({ outcome }) => outcome.state === 'ok')
    .sort((a, b) => b.octets - a.octets);
  for (const entry of largestFirst) {
    if (total <= capacity) break;
    entry.outcome = givenUp(entry.outcome.target, entry.octets);
    total -= entry.octets - sizeOf(entry.outcome);
  }
  const fitted = sized.map(({ outcome }) => outcome);
  return total <= capacity ? fitted : fitted.map(withoutDetail);
}

/** With very many targets not even the details of their errors fit. */
function withoutDetail({ error, ...outcome }: Outcome): Outcome {
  return error ? { ...outcome, error: { code: error.code } } : outcome;
}

function givenUp(target: string, octets: number): Outcome {
  const { code, detail } = new Mom4cError(
    'M4C_TOO_LARGE',
    `its result of ${octets} octets did not fit beside the others`,
  );
  return { target, state: 'failed', error: { code, detail } };
}

/** In a JSON list: one more for the comma. */
function sizeOf(outcome: Outcome): number {
  return Buffer.byteLength(JSON.stringify(outcome)) + 1;
}
