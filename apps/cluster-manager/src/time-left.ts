/**
 * How long the targets of a command still have, by the clock of whoever leads now. Pure.
 *
 * INVARIANT: what the journal has is over after its own time at most, counted from when its manager got to it: the wall
 * clocks of two managers may differ by any amount, and one may be set back.
 */
import type { JournalEntry } from '@mom4c/core';

/** For answers about a command whose deadline has passed while nobody led, ms. */
export const INQUIRY_MS = 5_000;

/** `late`: its deadline has passed, and its targets are only asked what became of it. */
export type TimeLeft = { readonly late: boolean; readonly remaining: number };

/** @param now Unix milliseconds @returns `remaining` in milliseconds, more than 0 */
export function timeLeft({ acceptedAt, deadline }: JournalEntry, now: number): TimeLeft {
  const left = deadline - now;
  return left > 0
    ? { late: false, remaining: Math.min(left, deadline - acceptedAt) }
    : { late: true, remaining: INQUIRY_MS };
}
