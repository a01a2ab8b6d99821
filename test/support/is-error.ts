import { type ErrorCode, Mom4cError } from '@mom4c/core';

/** For assert.throws and assert.rejects. */
export function isError(code: ErrorCode, detail?: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof Mom4cError && error.code === code && (detail?.test(error.detail ?? '') ?? true);
}
