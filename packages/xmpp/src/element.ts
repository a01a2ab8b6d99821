/** XML elements: made only through here, so that nothing leaves that another parser would refuse. */
import { Mom4cError } from '@mom4c/core';
import { Element } from '@xmpp/xml';

export type { Element };

export type Attributes = { readonly [name: string]: string | undefined };
export type Child = Element | string | undefined;

/** Octets of one stanza on the wire, both ways; the servers' `max_stanza_size` is the same. */
export const MAX_STANZA_OCTETS = 262_144;

/** XML 1.0 §2.2, the complement of Char. A lone surrogate is no character. */
const ILLEGAL = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
/** Names that our protocols use: a subset of XML 1.0 §2.3. */
const NAME = /^[A-Za-z_][A-Za-z0-9._-]*(?::[A-Za-z_][A-Za-z0-9._-]*)?$/;

/** Makes an element; undefined attributes and children are left out.
 *  @throws Mom4cError M4C_MALFORMED if a name, value or text cannot stand in XML 1.0 */
export function xml(name: string, attributes: Attributes = {}, ...children: readonly Child[]): Element {
  const attrs: Record<string, string> = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    attrs[checkName(key)] = checkText(value);
  }
  const element = new Element(checkName(name), attrs);
  for (const child of children) {
    if (child === undefined || child === '') continue;
    element.append(typeof child === 'string' ? checkText(child) : child);
  }
  return element;
}

/** The text directly inside of an element, nothing stripped; `''` where there is no element. */
export function textOf(element: Element | undefined): string {
  return element?.text() ?? '';
}

/** @throws Mom4cError M4C_TOO_LARGE, M4C_MALFORMED (it was changed after `xml` had made it) */
export function serialise(element: Element): string {
  const text = checkText(element.toString());
  // Only long ones are measured: a UTF-16 unit is at most three octets.
  if (text.length * 3 > MAX_STANZA_OCTETS && Buffer.byteLength(text) > MAX_STANZA_OCTETS)
    throw new Mom4cError('M4C_TOO_LARGE', `a stanza has at most ${MAX_STANZA_OCTETS} octets`);
  return text;
}

/** Does every prefix stand for what this element itself says? On another stream than the one that it came by, another
 *  prefix stands for nothing, and what is no XML with namespaces ends that stream. */
export function isSelfContained(element: Element, outer: ReadonlySet<string> = PREDEFINED): boolean {
  const names = Object.keys(element.attrs);
  const declared = names.filter((name) => name.startsWith('xmlns:')).map((name) => name.slice(6));
  const known = declared.length > 0 ? new Set([...outer, ...declared]) : outer;
  const isKnown = (name: string): boolean => {
    const colon = name.indexOf(':');
    return colon < 0 || known.has(name.slice(0, colon));
  };
  return (
    isKnown(element.name) &&
    names.every((name) => isKnown(name)) &&
    element.children.every((child) => typeof child === 'string' || isSelfContained(child, known))
  );
}
const PREDEFINED: ReadonlySet<string> = new Set(['xml', 'xmlns']);

function checkText(text: string): string {
  if (ILLEGAL.test(text)) throw new Mom4cError('M4C_MALFORMED', 'a character that XML 1.0 does not allow');
  return text;
}

function checkName(name: string): string {
  if (!NAME.test(name)) throw new Mom4cError('M4C_MALFORMED', 'not a name of XML');
  return name;
}
