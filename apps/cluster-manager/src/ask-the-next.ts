/** What whoever asks is told by a manager that has been replaced. */
import { Mom4cError } from '@mom4c/core';

/** Whoever leads by now is to be asked, and nothing is wrong with the request: M4C_EPOCH would end it. */
export function askTheNext(thrown: unknown): unknown {
  if (!(thrown instanceof Mom4cError) || thrown.code !== 'M4C_EPOCH') return thrown;
  return new Mom4cError('M4C_NO_MANAGER', undefined, { cause: thrown });
}
