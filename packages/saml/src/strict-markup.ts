/**
 * The markup that is accepted, checked before any parser sees it: elements, attributes and text of XML 1.0 with
 * Namespaces, ASCII names, bounded in every direction. Two parsers read a SAML document, the signature library's own
 * and ours; on what is left after this they cannot differ. One pass, linear in the length of the text.
 */

export type MarkupLimits = { readonly depth: number; readonly elements: number; readonly attributes: number };

/** Where an element stands in the text, its tags included; in document order. */
export type Span = { readonly start: number; readonly end: number };

const NAME = '[A-Za-z_][A-Za-z0-9_.-]*';
const QUALIFIED = `${NAME}(?::${NAME})?`;
const SPACE = '[ \\t\\r\\n]';
const START = new RegExp(`<(${QUALIFIED})`, 'y');
const END = new RegExp(`</(${QUALIFIED})${SPACE}*>`, 'y');
const ATTRIBUTE = new RegExp(`${SPACE}+(${QUALIFIED})${SPACE}*=${SPACE}*(?:"([^"<]*)"|'([^'<]*)')`, 'y');
const CLOSE = new RegExp(`${SPACE}*(/?)>`, 'y');
const DECLARATION = /^<\?xml version=(?:"1\.0"|'1\.0')(?: [^<>?]{0,60})?\?>/;
const ONLY_SPACE = /^[ \t\r\n]*$/;

/** XML 1.0 §2.2. */
const NO_CHARACTER = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const REFERENCE = /^&(?:amp|lt|gt|quot|apos|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));/;
const MAX_REFERENCE = 12;

const NAMESPACE_NAME = /^[!#-%(-;=?-~]+$/;
const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';
const RESERVED_NAMESPACES = [XML_NAMESPACE, 'http://www.w3.org/2000/xmlns/'];
/** Those of XML itself that change nothing in what is read. */
const XML_ATTRIBUTES = ['xml:lang', 'xml:space'];

type Open = { readonly name: string; readonly index: number; readonly declared: readonly string[] };
type Attribute = { readonly name: string; readonly value: string };

/** Namespace names of a prefix, the innermost last; the default namespace has the prefix ''. */
type Scope = Map<string, string[]>;

/** @returns where the markup of the document begins: behind its XML declaration */
export function bodyStart(text: string): number {
  return DECLARATION.exec(text)?.[0].length ?? 0;
}

/** @returns the elements of the document. @throws Error that says what is wrong, without quoting the text */
export function checkMarkup(text: string, limits: MarkupLimits): readonly Span[] {
  if (NO_CHARACTER.test(text)) throw new Error('a character that XML does not have');
  const spans: { start: number; end: number }[] = [];
  const open: Open[] = [];
  const scope: Scope = new Map();
  let at = bodyStart(text);
  for (;;) {
    const tag = text.indexOf('<', at);
    const between = text.slice(at, tag < 0 ? text.length : tag);
    if (open.length > 0) checkText(between);
    else if (!ONLY_SPACE.test(between)) throw new Error('text outside of the root element');
    if (tag < 0) break;
    if (text[tag + 1] === '/') {
      at = endTag(text, tag, open, scope, spans);
      continue;
    }
    if (open.length === 0 && spans.length > 0) throw new Error('a second root element');
    if (open.length === limits.depth) throw new Error(`nested deeper than ${limits.depth}`);
    if (spans.length === limits.elements) throw new Error(`more than ${limits.elements} elements`);
    at = startTag(text, tag, limits.attributes, open, scope, spans);
  }
  if (open.length > 0 || spans.length === 0) throw new Error('not well-formed: an element has no end');
  return spans;
}

/** @returns where to go on */
function endTag(text: string, tag: number, open: Open[], scope: Scope, spans: { end: number }[]): number {
  const [whole, name] = matchAt(END, text, tag) ?? [];
  const element = open.pop();
  if (whole === undefined || element?.name !== name) throw new Error('not well-formed: a wrong end tag');
  leave(element!, scope);
  const end = tag + whole.length;
  spans[element!.index]!.end = end;
  return end;
}

/** @returns where to go on */
function startTag(
  text: string,
  tag: number,
  limit: number,
  open: Open[],
  scope: Scope,
  spans: { start: number; end: number }[],
): number {
  const [whole, name] = matchAt(START, text, tag) ?? [];
  if (whole === undefined)
    throw new Error('a document type, comment, processing instruction or CDATA section, or no tag at all');
  const attributes: Attribute[] = [];
  let at = tag + whole.length;
  for (;;) {
    const attribute = matchAt(ATTRIBUTE, text, at);
    if (attribute === undefined) break;
    if (attributes.length === limit) throw new Error(`more than ${limit} attributes`);
    const value = attribute[2] ?? attribute[3] ?? '';
    checkReferences(value);
    attributes.push({ name: attribute[1]!, value });
    at += attribute[0].length;
  }
  const close = matchAt(CLOSE, text, at);
  if (close === undefined) throw new Error('not well-formed: a wrong tag');
  at += close[0].length;

  const element: Open = { name: name!, index: spans.length, declared: declare(attributes, scope) };
  checkNames(name!, attributes, scope);
  spans.push({ start: tag, end: at });
  if (close[1] === '/') leave(element, scope);
  else open.push(element);
  return at;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

function checkText(text: string): void {
  if (text.includes(']]>')) throw new Error('the end of a CDATA section that has no beginning');
  checkReferences(text);
}

/** Predefined entities and characters of XML only: without a document type there is nothing else. */
function checkReferences(text: string): void {
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) {
    const [whole, decimal, hexadecimal] = REFERENCE.exec(text.slice(at, at + MAX_REFERENCE)) ?? [];
    if (whole === undefined) throw new Error('an entity that XML does not have');
    if (decimal === undefined && hexadecimal === undefined) continue;
    const point = decimal === undefined ? Number.parseInt(hexadecimal!, 16) : Number(decimal);
    if (point > 0x10ffff || NO_CHARACTER.test(String.fromCodePoint(point)))
      throw new Error('a reference to a character that XML does not have');
  }
}

/** @returns the prefixes that the element declares, now in scope */
function declare(attributes: readonly Attribute[], scope: Scope): readonly string[] {
  const declared: string[] = [];
  for (const { name, value } of attributes) {
    const prefix = declaredPrefix(name);
    if (prefix === undefined) continue;
    if (/^xml/i.test(prefix)) throw new Error('a reserved namespace prefix');
    if (!NAMESPACE_NAME.test(value) || value.includes('&') || RESERVED_NAMESPACES.includes(value))
      throw new Error('a namespace name that is empty, reserved, or no plain URI');
    if (declared.includes(prefix)) throw new Error('an attribute that stands twice');
    const names = scope.get(prefix);
    if (names) names.push(value);
    else scope.set(prefix, [value]);
    declared.push(prefix);
  }
  return declared;
}

/** @returns '' for the default namespace, undefined if it is an attribute like any other */
function declaredPrefix(name: string): string | undefined {
  if (name === 'xmlns') return '';
  return name.startsWith('xmlns:') ? name.slice('xmlns:'.length) : undefined;
}

function leave(element: Open, scope: Scope): void {
  for (const prefix of element.declared) scope.get(prefix)?.pop();
}

/** Every prefix is declared, and no attribute stands twice, under whatever prefixes. */
function checkNames(name: string, attributes: readonly Attribute[], scope: Scope): void {
  namespaceOf(name, scope);
  const seen = new Set<string>();
  for (const attribute of attributes) {
    if (declaredPrefix(attribute.name) !== undefined) continue;
    const expanded = expandedName(attribute.name, scope);
    if (seen.has(expanded)) throw new Error('an attribute that stands twice');
    seen.add(expanded);
  }
}

function expandedName(name: string, scope: Scope): string {
  if (XML_ATTRIBUTES.includes(name)) return name;
  if (/^xml/i.test(name)) throw new Error('an attribute with a reserved name');
  return name.includes(':') ? `${namespaceOf(name, scope)} ${name.slice(name.indexOf(':') + 1)}` : name;
}

function namespaceOf(name: string, scope: Scope): string | undefined {
  const colon = name.indexOf(':');
  const prefix = colon < 0 ? '' : name.slice(0, colon);
  const found = scope.get(prefix)?.at(-1);
  if (found === undefined)
    throw new Error('an element without a namespace, or a prefix that is not declared');
  return found;
}
