/** A SAML response (SAML core §3.3.3, profiles §4.1.4) that a relying party asked for, checked; see `readResponse`. */
import type { Element } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import { readAssertion, type Assertion, type Expected } from './assertion.ts';
import type { IdpDescriptor } from './descriptors.ts';
import {
  atMostOne,
  attributeOf,
  childrenOf,
  exactlyOne,
  isElement,
  mandatoryAttribute,
  MAX_URI,
  nameOf,
  rootOf,
  timeOf,
} from './elements.ts';
import { FORMAT_ENTITY, NS, STATUS_AUTHN_FAILED, STATUS_SUCCESS } from './namespaces.ts';
import { parseXml } from './restricted-xml.ts';
import { checkIds, idOf, signatureOf, verifiedOctets, type SigningKey } from './signed-element.ts';
import { signingKey } from './signing-key.ts';

const MALFORMED: ErrorCode = 'M4C_ASSERTION_MALFORMED';
const SIGNATURE: ErrorCode = 'M4C_ASSERTION_SIGNATURE';
const CODES = { malformed: MALFORMED, signature: SIGNATURE } as const;

/**
 * All checks but three, which need memory or policy and are the caller's: that the assertion is used once, whom it may
 * name, and which attributes it must have.
 * @throws Mom4cError M4C_ASSERTION_MALFORMED, _SIGNATURE, _TIME, _AUDIENCE, _REQUEST; M4C_IDP_LOGIN, M4C_IDP_ANSWER for
 *   a status other than success
 */
export function readResponse(xml: string, expected: Expected): Assertion {
  const document = parseXml(xml, MALFORMED);
  const unverified = rootOf(document, NS.protocol, 'Response', MALFORMED);
  checkIds(document, MALFORMED);
  idOf(unverified, MALFORMED);
  const isSigned = signatureOf(unverified, CODES) !== undefined;
  const response = isSigned ? signedResponse(xml, unverified, expected) : unverified;

  checkVersion(response);
  checkStatus(response);
  checkTimes(response, expected);
  checkAddress(response, isSigned, expected);
  checkRequest(response, expected);

  const assertion = onlyAssertion(unverified);
  if (document.getElementsByTagNameNS(NS.assertion, 'Assertion').length !== 1)
    throw new Mom4cError(MALFORMED, 'an assertion in another place than its own');
  const idp = issuerOf(assertion, expected);
  const responseIssuer = atMostOne(response, NS.assertion, 'Issuer', MALFORMED);
  if (responseIssuer && entityName(responseIssuer) !== idp.entityId)
    throw new Mom4cError(SIGNATURE, 'response and assertion are of two issuers');
  const octets = verifiedOctets(xml, assertion, keysOf(idp), CODES);
  return readAssertion(octets, idp.entityId, expected);
}

/**
 * Which request it claims to answer: before anything is verified only a hint to find what waits for it.
 * @throws Mom4cError M4C_ASSERTION_MALFORMED, or M4C_ASSERTION_REQUEST if it claims none
 */
export function requestIdOf(xml: string): string {
  const response = rootOf(parseXml(xml, MALFORMED), NS.protocol, 'Response', MALFORMED);
  const id = attributeOf(response, 'InResponseTo', 256, MALFORMED);
  if (id === undefined || id === '') throw new Mom4cError('M4C_ASSERTION_REQUEST', 'it answers no request');
  return id;
}

/** What its own signature covers; the assertion inside has to have one as well. */
function signedResponse(xml: string, response: Element, expected: Expected): Element {
  const issuer = exactlyOne(response, NS.assertion, 'Issuer', MALFORMED);
  const octets = verifiedOctets(xml, response, keysOf(idpNamed(entityName(issuer), expected)), CODES);
  return rootOf(parseXml(octets, MALFORMED), NS.protocol, 'Response', MALFORMED);
}

function checkVersion(response: Element): void {
  if (attributeOf(response, 'Version', 8, MALFORMED) !== '2.0')
    throw new Mom4cError(MALFORMED, 'the response is of another version than 2.0');
}

function checkStatus(response: Element): void {
  const status = exactlyOne(response, NS.protocol, 'Status', MALFORMED);
  const code = exactlyOne(status, NS.protocol, 'StatusCode', MALFORMED);
  const value = mandatoryAttribute(code, 'Value', MAX_URI, MALFORMED);
  if (value === STATUS_SUCCESS) return;
  const inner = atMostOne(code, NS.protocol, 'StatusCode', MALFORMED);
  const reason = inner && mandatoryAttribute(inner, 'Value', MAX_URI, MALFORMED);
  throw new Mom4cError(
    reason === STATUS_AUTHN_FAILED ? 'M4C_IDP_LOGIN' : 'M4C_IDP_ANSWER',
    `the identity provider says ${reason ?? value}`,
  );
}

function checkTimes(response: Element, { now, skewMs }: Expected): void {
  const issued = timeOf(response, 'IssueInstant', MALFORMED);
  if (issued === undefined) throw new Mom4cError(MALFORMED, 'the response has no IssueInstant');
  if (issued > now + skewMs) throw new Mom4cError('M4C_ASSERTION_TIME', 'the response is from the future');
}

function checkAddress(response: Element, isSigned: boolean, { recipients }: Expected): void {
  const destination = attributeOf(response, 'Destination', MAX_URI, MALFORMED);
  // SAML bindings §3.5.5.2
  if (destination === undefined && isSigned)
    throw new Mom4cError(MALFORMED, 'a signed response without its destination');
  if (destination !== undefined && !recipients.includes(destination))
    throw new Mom4cError('M4C_ASSERTION_AUDIENCE', 'the response was sent to another address');
}

function checkRequest(response: Element, { requestId }: Expected): void {
  const answers = attributeOf(response, 'InResponseTo', 256, MALFORMED);
  if (answers !== undefined && answers !== requestId)
    throw new Mom4cError('M4C_ASSERTION_REQUEST', 'the response answers another request');
}

function onlyAssertion(response: Element): Element {
  const known = ['Issuer', 'Assertion', 'EncryptedAssertion'];
  const children = childrenOf(response, MALFORMED).filter(
    ({ namespaceURI }) => namespaceURI === NS.assertion,
  );
  const odd = children.find(({ localName }) => !known.includes(localName ?? ''));
  if (odd) throw new Mom4cError(MALFORMED, `${odd.localName} in a response`);
  if (children.some((child) => isElement(child, NS.assertion, 'EncryptedAssertion')))
    throw new Mom4cError(MALFORMED, 'the assertion is encrypted');
  return exactlyOne(response, NS.assertion, 'Assertion', MALFORMED);
}

function issuerOf(assertion: Element, expected: Expected): IdpDescriptor {
  return idpNamed(entityName(exactlyOne(assertion, NS.assertion, 'Issuer', MALFORMED)), expected);
}

/** SAML core §2.2.5: an entity. */
export function entityName(issuer: Element): string {
  const format = attributeOf(issuer, 'Format', MAX_URI, MALFORMED);
  if (format !== undefined && format !== FORMAT_ENTITY)
    throw new Mom4cError(MALFORMED, 'the issuer is not named as an entity');
  return nameOf(issuer, MAX_URI, MALFORMED);
}

function idpNamed(entityId: string, { idps }: Expected): IdpDescriptor {
  const idp = idps.find((each) => each.entityId === entityId);
  if (!idp) throw new Mom4cError(SIGNATURE, 'the issuer is no identity provider of the federation');
  return idp;
}

/** A certificate in the configuration that cannot be used counts as none. */
function keysOf(idp: IdpDescriptor): readonly SigningKey[] {
  return idp.signingCertificates.flatMap((certificate) => {
    try {
      return [signingKey(certificate)];
    } catch {
      return [];
    }
  });
}
