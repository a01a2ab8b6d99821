/** SOAP 1.1 envelopes as ECP has them (SAML profiles §4.2), and messages cut out of them as they stand. */
import type { Document, Element } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import { atMostOne, childrenOf, exactlyOne, isElement, rootOf } from './elements.ts';
import { NS } from './namespaces.ts';
import { checkXml, MESSAGE_LIMITS, parseXml, type XmlLimits } from './restricted-xml.ts';
import { escaped, markup } from './xml-text.ts';

/** What is in it, and the envelope around it. */
const ENVELOPE_LIMITS: XmlLimits = {
  ...MESSAGE_LIMITS,
  characters: MESSAGE_LIMITS.characters + 8 * 1024,
  depth: MESSAGE_LIMITS.depth + 2,
};

export type Envelope = {
  readonly header: Element | undefined;
  /** The one message in its body. */
  readonly message: Element;
  /** As it stands in the text, so that its signatures hold, with the namespaces that it had from the envelope. */
  readonly messageText: string;
};

/** @param inside markup of header and message */
export function writeEnvelope(headers: readonly string[], message: string): string {
  return markup(
    'S:Envelope',
    { 'xmlns:S': NS.soap },
    ...(headers.length === 0 ? [] : [markup('S:Header', {}, ...headers)]),
    markup('S:Body', {}, message),
  );
}

/** @throws Mom4cError `code` */
export function readEnvelope(xml: string, namespace: string, name: string, code: ErrorCode): Envelope {
  const document = parseXml(xml, code, ENVELOPE_LIMITS);
  const envelope = rootOf(document, NS.soap, 'Envelope', code);
  const header = atMostOne(envelope, NS.soap, 'Header', code);
  const body = exactlyOne(envelope, NS.soap, 'Body', code);
  if (childrenOf(envelope, code).length !== (header ? 2 : 1))
    throw new Mom4cError(code, 'an envelope with more than header and body');
  const [message, ...others] = childrenOf(body, code);
  if (!message || others.length > 0 || !isElement(message, namespace, name))
    throw new Mom4cError(code, `the body is not one ${name}`);
  return { header, message, messageText: cutOut(xml, document, message, code) };
}

/** The one header of that name. */
export function headerOf(
  header: Element | undefined,
  namespace: string,
  name: string,
  code: ErrorCode,
): Element | undefined {
  return header && atMostOne(header, namespace, name, code);
}

function cutOut(xml: string, document: Document, element: Element, code: ErrorCode): string {
  const index = [...document.getElementsByTagName('*')].indexOf(element);
  const span = checkXml(xml, code, ENVELOPE_LIMITS)[index]!;
  const text = xml.slice(span.start, span.end);
  const afterName = 1 + element.tagName.length;
  return `${text.slice(0, afterName)}${inherited(element)}${text.slice(afterName)}`;
}

/** Declarations of namespaces around the element that it does not make itself. */
function inherited(element: Element): string {
  const seen = new Set(declarations(element).map(({ name }) => name));
  const found: string[] = [];
  for (let around = element.parentElement; around; around = around.parentElement)
    for (const { name, value } of declarations(around)) {
      if (seen.has(name)) continue;
      seen.add(name);
      found.push(` ${name}="${escaped(value)}"`);
    }
  return found.join('');
}

function declarations(element: Element): readonly { name: string; value: string }[] {
  return [...element.attributes].filter(({ name }) => name === 'xmlns' || name.startsWith('xmlns:'));
}
