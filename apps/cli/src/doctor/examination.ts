/**
 * Checks that rest on each other, all at once.
 *
 * INVARIANTS:
 * - A check runs when everything that it needs is well, and not at all where something of that has failed: one cause is
 *   one failed line.
 * - Every check ends by its time limit, and never throws.
 */
import { Mom4cError, asMom4cError, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';

export type Finding = {
  check: string;
  level: 'ok' | 'warn' | 'fail' | 'skipped';
  says: string;
  code?: ErrorCode | undefined;
  remedy?: string | undefined;
};

/** What a check has found, and what others may build on; or that it is not meant for this profile or domain. */
export type Found<Value> =
  | { says: string; value: Value; warn?: { remedy: string } | undefined }
  | { says: string; skipped: true };

export type Check<Value> = { readonly finding: Finding; readonly value: Value | undefined };

const LIMIT_MS = 8_000;

/** What must be well before: `from` gives its value as well. */
export type Needs<Base> = {
  readonly from?: Promise<Check<Base>>;
  readonly after?: readonly Promise<Check<unknown>>[];
};

export async function examine<Value, Base = undefined>(
  check: string,
  { from, after = [] }: Needs<Base>,
  run: (base: Base, signal: AbortSignal) => Promise<Found<Value>>,
  limitMs: number = LIMIT_MS,
): Promise<Check<Value>> {
  const base = await from;
  const before = [...(base ? [base] : []), ...(await Promise.all(after))];
  const missing = before.filter(({ finding }) => finding.level === 'fail' || finding.level === 'skipped');
  if (missing.length > 0) {
    const names = missing.map(({ finding }) => finding.check).join(', ');
    return { finding: { check, level: 'skipped', says: `needs: ${names}` }, value: undefined };
  }
  try {
    const found = await limited(limitMs, (signal) => run(base?.value as Base, signal));
    const { says } = found;
    if ('skipped' in found) return { finding: { check, level: 'skipped', says }, value: undefined };
    const { value, warn } = found;
    return { finding: { check, level: warn ? 'warn' : 'ok', says, remedy: warn?.remedy }, value };
  } catch (thrown) {
    const error = asMom4cError(thrown, () => uuidv7(systemClock, systemRandom));
    const says = error.detail === undefined ? error.entry.text : `${error.entry.text} ${error.detail}`;
    return {
      finding: { check, level: 'fail', says, code: error.code, remedy: error.entry.fix },
      value: undefined,
    };
  }
}

async function limited<T>(ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = Promise.withResolvers<never>();
  const cancel = systemClock.after(ms, () => {
    limit.abort();
    late.reject(new Mom4cError('M4C_TIMEOUT', `after ${ms / 1000} s`));
  });
  try {
    return await Promise.race([run(limit.signal), late.promise]);
  } finally {
    cancel();
  }
}
