/** Addresses of anybody (RFC 7622), of which only the host matters to us: the rest is the business of its own server. */
import { isDomain } from '@mom4c/core';

/** Of a local part, and of a resource (RFC 7622 §3.3, §3.4). */
const MAX_PART_OCTETS = 1023;
/** RFC 7622 §3.3.1, and what separates the parts. */
const NOT_IN_LOCAL = /["&'/:<>@\s\p{Cc}]/u;

/** @returns the host; undefined if it is no address, or one whose host is not in lower case: two spellings of one name
 *  would be two names for whoever compares */
export function hostOf(address: string): string | undefined {
  const slash = address.indexOf('/');
  const bare = slash < 0 ? address : address.slice(0, slash);
  const at = bare.indexOf('@');
  const host = bare.slice(at + 1);
  if (!isDomain(host)) return undefined;
  if (at >= 0 && !isPart(bare.slice(0, at), NOT_IN_LOCAL)) return undefined;
  if (slash >= 0 && !isPart(address.slice(slash + 1), /\p{Cc}/u)) return undefined;
  return host;
}

function isPart(text: string, forbidden: RegExp): boolean {
  if (text === '' || text.length > MAX_PART_OCTETS) return false;
  return Buffer.byteLength(text) <= MAX_PART_OCTETS && !forbidden.test(text);
}
