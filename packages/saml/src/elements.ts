/** Elements as SAML has them: either other elements inside, or text. Each reader throws Mom4cError `code`. */
import type { Document, Element } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';

const ELEMENT_NODE = 1;
const TEXT_NODE = 3;
/** Of an entity identifier, an audience, a URL (SAML metadata §2.2.1: 1024). */
export const MAX_URI = 1024;

export function rootOf(document: Document, namespace: string, name: string, code: ErrorCode): Element {
  const root = document.documentElement;
  if (!root || !isElement(root, namespace, name)) throw new Mom4cError(code, `the root is no ${name}`);
  return root;
}

export function isElement(element: Element, namespace: string, name: string): boolean {
  return element.namespaceURI === namespace && element.localName === name;
}

/** Text between them must be white space. */
export function childrenOf(element: Element, code: ErrorCode): readonly Element[] {
  const children: Element[] = [];
  for (let node = element.firstChild; node; node = node.nextSibling) {
    if (node.nodeType === ELEMENT_NODE) children.push(node as Element);
    else if (node.nodeType !== TEXT_NODE || (node.nodeValue ?? '').trim() !== '')
      throw new Mom4cError(code, `${element.localName} has text between its elements`);
  }
  return children;
}

export function childrenNamed(
  element: Element,
  namespace: string,
  name: string,
  code: ErrorCode,
): readonly Element[] {
  return childrenOf(element, code).filter((child) => isElement(child, namespace, name));
}

/** @returns the one of that name, undefined if there is none */
export function atMostOne(
  element: Element,
  namespace: string,
  name: string,
  code: ErrorCode,
): Element | undefined {
  const found = childrenNamed(element, namespace, name, code);
  if (found.length > 1) throw new Mom4cError(code, `${element.localName} has more than one ${name}`);
  return found[0];
}

export function exactlyOne(element: Element, namespace: string, name: string, code: ErrorCode): Element {
  const found = atMostOne(element, namespace, name, code);
  if (!found) throw new Mom4cError(code, `${element.localName} has no ${name}`);
  return found;
}

/** As it stands, white space included; no element inside. */
export function textOf(element: Element, limit: number, code: ErrorCode): string {
  let text = '';
  for (let node = element.firstChild; node; node = node.nextSibling) {
    if (node.nodeType !== TEXT_NODE)
      throw new Mom4cError(code, `${element.localName} has more inside than text`);
    text += node.nodeValue ?? '';
  }
  if (text.length > limit)
    throw new Mom4cError(code, `${element.localName} has more than ${limit} characters`);
  return text;
}

/** Text of 1 to `limit` characters without white space around it. */
export function nameOf(element: Element, limit: number, code: ErrorCode): string {
  const text = textOf(element, limit, code);
  if (text === '' || text !== text.trim())
    throw new Mom4cError(code, `${element.localName} is empty, or has white space around it`);
  return text;
}

/** Of an attribute without prefix. */
export function attributeOf(
  element: Element,
  name: string,
  limit: number,
  code: ErrorCode,
): string | undefined {
  const value = element.getAttribute(name);
  if (value === null) return undefined;
  if (value.length > limit)
    throw new Mom4cError(code, `${name} of ${element.localName} has more than ${limit} characters`);
  return value;
}

export function mandatoryAttribute(element: Element, name: string, limit: number, code: ErrorCode): string {
  const value = attributeOf(element, name, limit, code);
  if (value === undefined || value === '') throw new Mom4cError(code, `${element.localName} has no ${name}`);
  return value;
}

/** An xs:dateTime in UTC, as SAML demands (core §1.3.3). @returns milliseconds */
export function timeOf(element: Element, name: string, code: ErrorCode): number | undefined {
  const value = attributeOf(element, name, 40, code);
  if (value === undefined) return undefined;
  const time = parseTime(value);
  if (time === undefined) throw new Mom4cError(code, `${name} of ${element.localName} is no time in UTC`);
  return time;
}

const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z$/;

/** @returns milliseconds; undefined if it is not of that form, or no such day or hour exists */
export function parseTime(text: string): number | undefined {
  const [, seconds, fraction = ''] = TIME.exec(text) ?? [];
  if (seconds === undefined) return undefined;
  const time = Date.parse(`${seconds}.000Z`);
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 19) !== seconds) return undefined;
  return time + Number(fraction.slice(0, 3).padEnd(3, '0'));
}
