/**
 * What makes a stanza fit for another stream than the one it came on. Our parser knows no namespaces, the servers' do, and
 * end the stream on which one cannot be resolved: so one stanza would cut a link that many use.
 */
import { Mom4cError } from '@mom4c/core';
import type { Element } from './element.ts';

/** A subset of XML 1.0 §2.3 in which all its editions agree. */
const NAME = /^[A-Za-z_][A-Za-z0-9._-]*$/;
const NS_XML = 'http://www.w3.org/XML/1998/namespace';
const NS_XMLNS = 'http://www.w3.org/2000/xmlns/';

/** RFC 6120 §4.8.2: the same stanza is in one or the other by the stream that it is on. */
const CONTENT: ReadonlySet<string> = new Set(['jabber:server', 'jabber:client', 'jabber:component:accept']);

/** Prefixes that are in scope, with their namespaces. */
type Scope = { readonly bound: ReadonlyMap<string, string>; readonly inContent: boolean };

/** Changes the stanza: prefixes that its stream has bound it binds itself, and it does not name the stream's own namespace.
 *  @throws Mom4cError M4C_MALFORMED (not well-formed by Namespaces in XML 1.0) */
export function standAlone(stanza: Element): Element {
  const outer = stanza.parent?.attrs ?? {};
  const needed = new Set<string>();
  const outside = new Map([['xml', NS_XML]]);
  for (const [name, value] of Object.entries(outer))
    if (name.startsWith('xmlns:') && value !== undefined) outside.set(name.slice(6), value);
  resolve(stanza, { bound: outside, inContent: true }, (prefix) => {
    if (!outside.has(prefix)) fault('a prefix that is bound to nothing');
    if (prefix !== 'xml') needed.add(prefix);
  });
  for (const prefix of needed) {
    const name = `xmlns:${prefix}`;
    const value = outside.get(prefix)!;
    checkBinding(name, value);
    stanza.attrs[name] = value;
  }
  return stanza;
}

/** @param free gets each prefix that is used and not bound inside of the stanza
 *  @param own those that are bound inside of it */
function resolve(
  element: Element,
  outer: Scope,
  free: (prefix: string) => void,
  own: ReadonlySet<string> = NONE,
): void {
  const { attrs } = element;
  const names = Object.keys(attrs);
  const declared = bindings(attrs, names);
  const bound = declared.length === 0 ? outer.bound : new Map([...outer.bound, ...declared]);
  const inside = declared.length === 0 ? own : new Set([...own, ...declared.map(([prefix]) => prefix)]);
  const use = (name: string): string | undefined => {
    const prefix = prefixOf(name);
    if (prefix === undefined) return undefined;
    if (prefix === 'xmlns') fault('a reserved prefix');
    if (!inside.has(prefix)) free(prefix);
    return bound.get(prefix);
  };
  use(element.name);
  let seen: Set<string> | undefined;
  for (const name of names) {
    if (isBinding(name)) continue;
    const space = use(name);
    if (space === undefined) continue;
    const expanded = `${name.slice(name.indexOf(':') + 1)} ${space}`;
    if (seen?.has(expanded)) fault('an attribute twice');
    (seen ??= new Set()).add(expanded);
  }
  const inContent = outer.inContent && (attrs.xmlns === undefined || CONTENT.has(attrs.xmlns));
  if (inContent) delete attrs.xmlns;
  for (const child of element.children)
    if (typeof child !== 'string') resolve(child, { bound, inContent }, free, inside);
}

const NONE: ReadonlySet<string> = new Set();

function isBinding(name: string): boolean {
  return name === 'xmlns' || name.startsWith('xmlns:');
}

/** Prefixes that an element binds, with their namespaces. */
function bindings(attrs: Element['attrs'], names: readonly string[]): [prefix: string, space: string][] {
  const found: [string, string][] = [];
  for (const name of names) {
    if (!isBinding(name)) continue;
    const value = attrs[name] ?? '';
    checkBinding(name, value);
    if (name !== 'xmlns') found.push([name.slice(6), value]);
  }
  return found;
}

/** Of a qualified name. */
function prefixOf(name: string): string | undefined {
  const colon = name.indexOf(':');
  const [prefix, local] = colon < 0 ? [undefined, name] : [name.slice(0, colon), name.slice(colon + 1)];
  if (!NAME.test(local) || (prefix !== undefined && !NAME.test(prefix))) fault('not a name of XML');
  return prefix;
}

/** Namespaces in XML 1.0 §2.2, §3. */
function checkBinding(name: string, value: string): void {
  const prefix = name === 'xmlns' ? undefined : name.slice(6);
  if (prefix !== undefined && (!NAME.test(prefix) || value === '')) fault('a binding of nothing');
  if (prefix === 'xmlns' || value === NS_XMLNS || (prefix === 'xml') !== (value === NS_XML))
    fault('a reserved prefix or namespace');
}

function fault(detail: string): never {
  throw new Mom4cError('M4C_MALFORMED', detail);
}
