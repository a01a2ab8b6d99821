/** AuthnRequest (SAML core §3.4), and its way in the URL of a redirect (SAML bindings §3.4). */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Element } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import {
  attributeOf,
  childrenOf,
  exactlyOne,
  mandatoryAttribute,
  MAX_URI,
  nameOf,
  rootOf,
  timeOf,
} from './elements.ts';
import { BINDING, NS } from './namespaces.ts';
import { MESSAGE_LIMITS, parseXml } from './restricted-xml.ts';
import { idOf } from './signed-element.ts';
import { isHttpsUrl } from './urls.ts';
import { escaped, markup } from './xml-text.ts';

export type AuthnRequest = {
  /** An NCName, unguessable. */
  readonly id: string;
  /** Milliseconds. */
  readonly issueInstant: number;
  /** Entity id of the relying party. */
  readonly issuer: string;
  /** URL of the identity provider. */
  readonly destination: string;
  readonly consumerUrl: string;
  readonly binding: 'post' | 'paos';
};

const CODE: ErrorCode = 'M4C_IDP_ANSWER';
const MAX_RELAY_STATE = 80;
/** What `writeAuthnRequest` writes. */
const ATTRIBUTES = [
  'ID',
  'Version',
  'IssueInstant',
  'Destination',
  'AssertionConsumerServiceURL',
  'ProtocolBinding',
];
/** Of the base64 in a URL. */
const MAX_ENCODED = 8 * 1024;

export function writeAuthnRequest(request: AuthnRequest): string {
  return markup(
    'samlp:AuthnRequest',
    {
      'xmlns:samlp': NS.protocol,
      ID: request.id,
      Version: '2.0',
      IssueInstant: new Date(request.issueInstant).toISOString(),
      Destination: request.destination,
      AssertionConsumerServiceURL: request.consumerUrl,
      ProtocolBinding: BINDING[request.binding],
    },
    markup('saml:Issuer', { 'xmlns:saml': NS.assertion }, escaped(request.issuer)),
  );
}

/** As the agent of the user compares it with what it knows of the relying party. What else a relying party may ask for
 *  (another log-in, none, a form of name or of log-in) is refused here: the identity provider would refuse the user for it.
 *  @param clock how far its time may be from now; without it any is taken. @throws Mom4cError M4C_IDP_ANSWER */
export function readAuthnRequest(xml: string, clock?: { now: number; skewMs: number }): AuthnRequest {
  const root = rootOf(parseXml(xml, CODE), NS.protocol, 'AuthnRequest', CODE);
  const issuer = exactlyOne(root, NS.assertion, 'Issuer', CODE);
  if (childrenOf(root, CODE).length !== 1 || !hasOnly(root, ATTRIBUTES) || !hasOnly(issuer, []))
    throw new Mom4cError(CODE, 'an AuthnRequest that asks for more than an assertion');
  if (attributeOf(root, 'Version', 8, CODE) !== '2.0')
    throw new Mom4cError(CODE, 'an AuthnRequest of another version');
  const issueInstant = timeOf(root, 'IssueInstant', CODE);
  if (issueInstant === undefined) throw new Mom4cError(CODE, 'an AuthnRequest without its time');
  if (clock && Math.abs(issueInstant - clock.now) > clock.skewMs)
    throw new Mom4cError(CODE, 'an AuthnRequest of another time');
  const binding = mandatoryAttribute(root, 'ProtocolBinding', MAX_URI, CODE);
  if (binding !== BINDING.post && binding !== BINDING.paos)
    throw new Mom4cError(CODE, 'an AuthnRequest for a binding that is not known');
  return {
    id: idOf(root, CODE),
    issueInstant,
    issuer: nameOf(issuer, MAX_URI, CODE),
    destination: mandatoryAttribute(root, 'Destination', MAX_URI, CODE),
    consumerUrl: mandatoryAttribute(root, 'AssertionConsumerServiceURL', MAX_URI, CODE),
    binding: binding === BINDING.post ? 'post' : 'paos',
  };
}

/** Beside declarations of namespaces. */
function hasOnly(element: Element, names: readonly string[]): boolean {
  return [...element.attributes].every(
    ({ name }) => names.includes(name) || name === 'xmlns' || name.startsWith('xmlns:'),
  );
}

/** @param sso where the identity provider takes redirects; may have a query. @throws Error */
export function redirectUrl(sso: string, request: string, relayState: string): string {
  if (Buffer.byteLength(relayState) > MAX_RELAY_STATE) throw new Error('RelayState has more than 80 octets');
  const query = new URLSearchParams({
    SAMLRequest: deflateRawSync(Buffer.from(request, 'utf8')).toString('base64'),
    RelayState: relayState,
  });
  return `${sso}${sso.includes('?') ? '&' : '?'}${query.toString()}`;
}

export type Redirect = {
  /** The URL without what the redirect added to it. */
  readonly sso: string;
  /** XML. */
  readonly request: string;
  readonly relayState: string | undefined;
};

/** The other way, bounded. @throws Mom4cError M4C_IDP_ANSWER */
export function readRedirect(url: string): Redirect {
  if (url.length > 2 * MAX_ENCODED || !URL.canParse(url)) throw new Mom4cError(CODE, 'a redirect to no URL');
  const parsed = new URL(url);
  const encoded = onlyParameter(parsed, 'SAMLRequest');
  const relayState = onlyParameter(parsed, 'RelayState');
  if (encoded === undefined || encoded.length > MAX_ENCODED || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded))
    throw new Mom4cError(CODE, 'a redirect without an AuthnRequest in base64');
  for (const name of ['SAMLRequest', 'RelayState']) parsed.searchParams.delete(name);
  parsed.hash = '';
  if (!isHttpsUrl(parsed.href)) throw new Mom4cError(CODE, 'a redirect to no plain https URL');
  try {
    const octets = inflateRawSync(Buffer.from(encoded, 'base64'), {
      maxOutputLength: MESSAGE_LIMITS.characters,
    });
    const request = new TextDecoder('utf-8', { fatal: true }).decode(octets);
    return { sso: parsed.href, request, relayState };
  } catch (cause) {
    throw new Mom4cError(CODE, 'an AuthnRequest that cannot be unpacked', { cause });
  }
}

function onlyParameter(url: URL, name: string): string | undefined {
  const values = url.searchParams.getAll(name);
  if (values.length > 1) throw new Mom4cError(CODE, `${name} stands twice in a redirect`);
  return values[0];
}
