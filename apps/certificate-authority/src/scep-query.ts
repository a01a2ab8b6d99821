/** What a SCEP request says in its request line (RFC 8894 §4.1). */
import { Mom4cError } from '@mom4c/core';

export type ScepQuery = {
  readonly path: string;
  /** `''` where there is none. */
  readonly operation: string;
  /** Of a request by GET: the decoded `message`. */
  readonly message: Buffer;
};

/** @param target as HTTP gives it: a path with a query @throws Mom4cError M4C_MALFORMED */
export function readScepQuery(target: string): ScepQuery {
  // Never looked up: it makes a whole URL of the path.
  const url = URL.parse(target, 'http://localhost');
  if (!url) throw new Mom4cError('M4C_MALFORMED', 'the request line holds no path');
  return {
    path: url.pathname,
    operation: url.searchParams.get('operation') ?? '',
    // Some clients do not escape the plus signs of base64.
    message: Buffer.from((url.searchParams.get('message') ?? '').replaceAll(' ', '+'), 'base64'),
  };
}
