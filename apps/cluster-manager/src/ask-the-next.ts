/** What whoever asks is told by a manager that has been replaced. */
import { Mom4cError } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';

/** Somebody newer leads, or the term has ended meanwhile. */
const REPLACED: readonly ErrorCode[] = ['M4C_EPOCH', 'M4C_STOPPED'];

/** Whoever leads by now is to be asked, and nothing is wrong with the request: to reject it would end it. */
export function askTheNext(thrown: unknown): unknown {
  if (!(thrown instanceof Mom4cError) || !REPLACED.includes(thrown.code)) return thrown;
  return new Mom4cError('M4C_NO_MANAGER', undefined, { cause: thrown });
}
