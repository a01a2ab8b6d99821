/** What a stanza must have before anybody sees it. */
import { bareJid, isDomain, parseJid, type FullJid } from '@mom4c/core';
import type { Element } from './element.ts';

export type Incoming = {
  /** The sender's address; the server vouches for it. Of a room's occupant: the room with the nick as resource. */
  readonly from: string;
  /** Which of our addresses was meant, where that must stand in the answer: a component's. */
  readonly to?: string | undefined;
  readonly type: string | undefined;
  readonly element: Element;
};

/** @returns undefined if there is no usable sender */
export function incoming(element: Element, own: FullJid): Incoming | undefined {
  // RFC 6120 §8.1.2.1: without `from` it comes from the own account.
  const from = element.attrs.from ?? bareJid(own);
  return isAddress(from) ? { from, type: element.attrs.type, element } : undefined;
}

/** Who brings a stanza, for the sharing of what there is: an account, or an occupant of one of these rooms. Not by the
 *  stanza's type, which is the sender's word: an account would have a share for each of its resources. */
export function partyOf({ from }: Pick<Incoming, 'from'>, rooms: ReadonlySet<string> = NO_ROOMS): string {
  const slash = from.indexOf('/');
  const bare = slash < 0 ? from : from.slice(0, slash);
  return rooms.has(bare) ? from : bare;
}

const NO_ROOMS: ReadonlySet<string> = new Set();

/** About what a stanza weighs in our memory, in octets. Its depth is bounded by the parser. */
export function weightOf({ element }: Pick<Incoming, 'element'>): number {
  let weight = ELEMENT_OCTETS;
  for (const value of Object.values(element.attrs)) weight += String(value).length;
  for (const child of element.children)
    weight += typeof child === 'string' ? child.length : weightOf({ element: child });
  return weight;
}

const ELEMENT_OCTETS = 200;

/** A domain, or what core takes for an address, and no control characters in its resource. */
export function isAddress(text: string): boolean {
  if (isDomain(text)) return true;
  try {
    return !/\p{Cc}/u.test(parseJid(text).resource ?? '');
  } catch {
    return false;
  }
}
