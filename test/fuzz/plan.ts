/** How many inputs each target gets, and in which order. */
import type { Target } from './target.ts';

export type Share = { readonly target: Target; readonly from: number; readonly to: number };

/** So many times the targets take turns, so that what grows shows while all are at work. */
const ROUNDS = 20;

/** By weight, at least one each. */
export function inputsOf(targets: readonly Target[], runs: number): ReadonlyMap<Target, number> {
  const whole = targets.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(targets.map((target) => [target, Math.max(1, Math.round((runs * target.weight) / whole))]));
}

/** The shares of each round. */
export function rounds(targets: readonly Target[], runs: number): Share[][] {
  const counts = inputsOf(targets, runs);
  return Array.from({ length: ROUNDS }, (_, round) =>
    [...counts].map(([target, count]) => ({
      target,
      from: Math.floor((count * round) / ROUNDS),
      to: Math.floor((count * (round + 1)) / ROUNDS),
    })),
  );
}
