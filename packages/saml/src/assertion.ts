/** What an assertion must say (SAML core §2, profiles §4.1.4.2), read from the octets that its signature covers. */
import type { Element } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import type { IdpDescriptor } from './descriptors.ts';
import {
  attributeOf,
  atMostOne,
  childrenNamed,
  childrenOf,
  exactlyOne,
  isElement,
  mandatoryAttribute,
  MAX_URI,
  nameOf,
  rootOf,
  textOf,
  timeOf,
} from './elements.ts';
import { FORMAT_ENTITY, METHOD_BEARER, NS } from './namespaces.ts';
import { parseXml } from './restricted-xml.ts';
import { idOf } from './signed-element.ts';

export type Expected = {
  readonly idps: readonly IdpDescriptor[];
  /** Our entity id. */
  readonly audience: string;
  /** Our consumer URLs at which this response may have arrived. */
  readonly recipients: readonly string[];
  /** Of the AuthnRequest that waits. */
  readonly requestId: string;
  /** Milliseconds. */
  readonly now: number;
  readonly skewMs: number;
};

export type Assertion = {
  readonly id: string;
  /** Entity id. */
  readonly issuer: string;
  /** The text of NameID. */
  readonly subject: string;
  /** By their `Name`; values that are no text are left out. */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  readonly sessionIndex?: string;
  /** Milliseconds: until then, and the skew, it has to be remembered that it was used. */
  readonly notOnOrAfter: number;
};

const CODE: ErrorCode = 'M4C_ASSERTION_MALFORMED';
const TIME: ErrorCode = 'M4C_ASSERTION_TIME';
const MAX_NAME_ID = 256;
const MAX_ATTRIBUTES = 64;
const MAX_VALUES = 64;
const MAX_VALUE_CHARACTERS = 1_024;
const CHILDREN = ['Issuer', 'Subject', 'Conditions', 'AuthnStatement', 'AttributeStatement'];

/** @param octets canonical, and signed by `issuer`. @throws Mom4cError M4C_ASSERTION_* */
export function readAssertion(octets: string, issuer: string, expected: Expected): Assertion {
  const assertion = rootOf(parseXml(octets, CODE), NS.assertion, 'Assertion', CODE);
  if (attributeOf(assertion, 'Version', 8, CODE) !== '2.0')
    throw new Mom4cError(CODE, 'the assertion is of another version than 2.0');
  for (const child of childrenOf(assertion, CODE))
    if (child.namespaceURI !== NS.assertion || !CHILDREN.includes(child.localName ?? ''))
      throw new Mom4cError(CODE, `${child.localName} in an assertion`);
  checkIssuer(exactlyOne(assertion, NS.assertion, 'Issuer', CODE), issuer);
  checkIssueInstant(assertion, expected);

  const subject = exactlyOne(assertion, NS.assertion, 'Subject', CODE);
  const conditions = exactlyOne(assertion, NS.assertion, 'Conditions', CODE);
  const statement = exactlyOne(assertion, NS.assertion, 'AuthnStatement', CODE);
  const name = nameIdOf(subject);
  const ends = [checkConditions(conditions, expected), checkConfirmation(subject, expected)];
  checkSession(statement, expected);
  const sessionIndex = attributeOf(statement, 'SessionIndex', 256, CODE);
  return {
    id: idOf(assertion, CODE),
    issuer,
    subject: name,
    attributes: attributesOf(assertion),
    ...(sessionIndex === undefined ? {} : { sessionIndex }),
    notOnOrAfter: Math.min(...ends),
  };
}

function checkIssuer(element: Element, issuer: string): void {
  const format = attributeOf(element, 'Format', MAX_URI, CODE);
  if ((format !== undefined && format !== FORMAT_ENTITY) || nameOf(element, MAX_URI, CODE) !== issuer)
    throw new Mom4cError('M4C_ASSERTION_SIGNATURE', 'the signed issuer is another one');
}

function checkIssueInstant(assertion: Element, { now, skewMs }: Expected): void {
  const issued = timeOf(assertion, 'IssueInstant', CODE);
  if (issued === undefined) throw new Mom4cError(CODE, 'the assertion has no IssueInstant');
  if (issued > now + skewMs) throw new Mom4cError(TIME, 'the assertion is from the future');
}

/** @returns when they end */
function checkConditions(conditions: Element, expected: Expected): number {
  const notBefore = timeOf(conditions, 'NotBefore', CODE);
  const notOnOrAfter = timeOf(conditions, 'NotOnOrAfter', CODE);
  if (notBefore === undefined || notOnOrAfter === undefined)
    throw new Mom4cError(CODE, 'conditions without their beginning or end');
  checkWindow(notBefore, notOnOrAfter, 'the assertion', expected);
  for (const condition of childrenOf(conditions, CODE))
    if (
      !isElement(condition, NS.assertion, 'AudienceRestriction') &&
      // Asks for what is done anyway, and this one is never handed on (§2.5.1.5).
      !isElement(condition, NS.assertion, 'OneTimeUse')
    )
      throw new Mom4cError(CODE, `the condition ${condition.localName} is not known`);
  const restriction = exactlyOne(conditions, NS.assertion, 'AudienceRestriction', CODE);
  const audience = exactlyOne(restriction, NS.assertion, 'Audience', CODE);
  if (childrenOf(restriction, CODE).length !== 1 || nameOf(audience, MAX_URI, CODE) !== expected.audience)
    throw new Mom4cError('M4C_ASSERTION_AUDIENCE', 'the audience is another one');
  return notOnOrAfter;
}

function checkWindow(from: number, until: number, what: string, { now, skewMs }: Expected): void {
  if (from >= until) throw new Mom4cError(CODE, `${what} ends before it begins`);
  if (from > now + skewMs) throw new Mom4cError(TIME, `${what} is not yet valid`);
  if (until <= now - skewMs) throw new Mom4cError(TIME, `${what} has expired`);
}

function nameIdOf(subject: Element): string {
  const others = childrenOf(subject, CODE).filter(
    (child) =>
      !isElement(child, NS.assertion, 'NameID') && !isElement(child, NS.assertion, 'SubjectConfirmation'),
  );
  if (others.length > 0) throw new Mom4cError(CODE, `${others[0]!.localName} in a subject`);
  const name = nameOf(exactlyOne(subject, NS.assertion, 'NameID', CODE), MAX_NAME_ID, CODE);
  if (/[\p{C}\p{Z}]/u.test(name)) throw new Mom4cError(CODE, 'NameID has white space or control characters');
  return name;
}

/** Of a bearer, one only. @returns when it ends */
function checkConfirmation(subject: Element, expected: Expected): number {
  const confirmation = exactlyOne(subject, NS.assertion, 'SubjectConfirmation', CODE);
  if (attributeOf(confirmation, 'Method', MAX_URI, CODE) !== METHOD_BEARER)
    throw new Mom4cError(CODE, 'the subject is not confirmed as a bearer');
  const data = exactlyOne(confirmation, NS.assertion, 'SubjectConfirmationData', CODE);
  if (childrenOf(confirmation, CODE).length !== 1 || childrenOf(data, CODE).length > 0)
    throw new Mom4cError(CODE, 'the confirmation of the subject has more than its data');
  if (attributeOf(data, 'NotBefore', 64, CODE) !== undefined)
    throw new Mom4cError(CODE, 'the confirmation of a bearer has NotBefore'); // profiles §4.1.4.2
  const notOnOrAfter = timeOf(data, 'NotOnOrAfter', CODE);
  if (notOnOrAfter === undefined) throw new Mom4cError(CODE, 'the confirmation of the subject has no end');
  if (notOnOrAfter <= expected.now - expected.skewMs)
    throw new Mom4cError(TIME, 'the confirmation of the subject has expired');
  if (!expected.recipients.includes(mandatoryAttribute(data, 'Recipient', MAX_URI, CODE)))
    throw new Mom4cError('M4C_ASSERTION_AUDIENCE', 'the recipient is another one');
  if (attributeOf(data, 'InResponseTo', 256, CODE) !== expected.requestId)
    throw new Mom4cError('M4C_ASSERTION_REQUEST', 'the assertion answers another request, or none');
  return notOnOrAfter;
}

function checkSession(statement: Element, { now, skewMs }: Expected): void {
  const authenticated = timeOf(statement, 'AuthnInstant', CODE);
  if (authenticated === undefined) throw new Mom4cError(CODE, 'the log-in has no time');
  if (authenticated > now + skewMs) throw new Mom4cError(TIME, 'the log-in is in the future');
  const end = timeOf(statement, 'SessionNotOnOrAfter', CODE);
  if (end !== undefined && end <= now - skewMs)
    throw new Mom4cError(TIME, 'the session at the identity provider is over');
}

function attributesOf(assertion: Element): Readonly<Record<string, readonly string[]>> {
  const statement = atMostOne(assertion, NS.assertion, 'AttributeStatement', CODE);
  const found = new Map<string, readonly string[]>();
  for (const attribute of statement ? childrenOf(statement, CODE) : []) {
    if (!isElement(attribute, NS.assertion, 'Attribute'))
      throw new Mom4cError(CODE, `${attribute.localName} in a statement of attributes`);
    const name = mandatoryAttribute(attribute, 'Name', MAX_URI, CODE);
    if (found.has(name)) throw new Mom4cError(CODE, 'two attributes have one name');
    if (found.size === MAX_ATTRIBUTES) throw new Mom4cError(CODE, `more than ${MAX_ATTRIBUTES} attributes`);
    found.set(name, valuesOf(attribute));
  }
  return Object.fromEntries(found);
}

/** A value may be structured (a NameID inside, say): no policy can ask for that one. */
function valuesOf(attribute: Element): readonly string[] {
  const values = childrenNamed(attribute, NS.assertion, 'AttributeValue', CODE);
  if (values.length > MAX_VALUES)
    throw new Mom4cError(CODE, `more than ${MAX_VALUES} values of an attribute`);
  return values.flatMap((value) =>
    value.getElementsByTagName('*').length > 0 ? [] : [textOf(value, MAX_VALUE_CHARACTERS, CODE)],
  );
}
