/**
 * What was refused, in the metrics and in the log. Every refusal is counted. Each is a line of the log as well, but
 * whoever sends thousands must not fill the disk, nor hide another's line among his own.
 *
 * INVARIANTS, in each period of 10 s:
 * - The first 10 refusals of one sender under one code are a line each, at once; the rest is one line with their number
 *   when the period ends.
 * - At most 100 pairs of sender and code are told apart; the rest counts as `others`.
 * - At most 200 refusals are a line of their own.
 */
import type { Clock, Log, Mom4cError } from '@mom4c/core';

export type Refusals = {
  /** @param from as the server names the sender; undefined where that is not known */
  readonly note: (error: Mom4cError, from: string | undefined) => void;
  /** Says what has been counted and not yet told. */
  readonly flush: () => void;
};

type Tally = { readonly code: string; readonly from: string; count: number; told: number };

const PERIOD_MS = 10_000;
const LINES_PER_TALLY = 10;
const LINES = 200;
const MAX_TALLIES = 100;
const OTHERS = 'others';

/** @param count gets the code of each, for the metrics */
export function createRefusals({
  log,
  clock,
  count,
}: {
  log: Log;
  clock: Pick<Clock, 'after'>;
  count: (code: string) => void;
}): Refusals {
  const tallies = new Map<string, Tally>();
  let lines = 0;
  let cancel: (() => void) | undefined;

  function tallyOf(code: string, sender: string): Tally {
    const known = tallies.get(`${code} ${sender}`);
    if (known) return known;
    const from = tallies.size < MAX_TALLIES ? sender : OTHERS;
    const key = `${code} ${from}`;
    const tally = tallies.get(key) ?? { code, from, count: 0, told: 0 };
    tallies.set(key, tally);
    return tally;
  }

  function flush(): void {
    cancel?.();
    cancel = undefined;
    for (const { code, from, count: all, told } of tallies.values())
      if (all > told) log.warn({ code, from, count: all - told }, 'refused more');
    tallies.clear();
    lines = 0;
  }

  return {
    note(error, from = 'unknown') {
      count(error.code);
      cancel ??= clock.after(PERIOD_MS, flush);
      const tally = tallyOf(error.code, partyOf(from));
      tally.count += 1;
      if (tally.told >= LINES_PER_TALLY || lines >= LINES) return;
      tally.told += 1;
      lines += 1;
      log.warn({ code: error.code, detail: error.detail, from }, 'refused');
    },
    flush,
  };
}

/** A sender chooses its resource freely; its account it cannot. A nick in a room comes here without a slash. */
function partyOf(from: string): string {
  const slash = from.indexOf('/');
  return slash < 0 ? from : from.slice(0, slash);
}
