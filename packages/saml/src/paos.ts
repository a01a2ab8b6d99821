/**
 * Enhanced Client or Proxy (SAML profiles §4.2): the relying party gives the agent of the user its request over PAOS, the
 * agent takes it to the identity provider, and its answer back. What the agent passes on is passed on as it stands.
 */
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import { attributeOf, exactlyOne, mandatoryAttribute, MAX_URI, nameOf, textOf } from './elements.ts';
import { ACTOR_NEXT, NS } from './namespaces.ts';
import { headerOf, readEnvelope, writeEnvelope } from './soap.ts';
import { escaped, markup } from './xml-text.ts';

export type PaosRequest = {
  /** An AuthnRequest, XML. */
  readonly request: string;
  /** Where the answer belongs; the same as in the AuthnRequest. */
  readonly consumerUrl: string;
  /** Entity id of the relying party. */
  readonly issuer: string;
  readonly relayState: string | undefined;
};

export type IdpAnswer = {
  /** A Response, XML. */
  readonly response: string;
  /** Where the identity provider says that it belongs; to be compared with what was asked. */
  readonly consumerUrl: string;
};

export type PaosResponse = { readonly response: string; readonly relayState: string | undefined };

export const PAOS_MEDIA_TYPE = 'application/vnd.paos+xml';
/** Value of the header `PAOS` with which a user's agent says that it speaks ECP. */
export const PAOS_HEADER = `ver="${NS.paos}";"${NS.ecp}"`;

/** RelayState of any binding (SAML bindings §3.4.3, 80 octets). */
const MAX_RELAY_STATE = 80;
const FOR_NEXT = { 'S:mustUnderstand': '1', 'S:actor': ACTOR_NEXT };
const ANSWER: ErrorCode = 'M4C_IDP_ANSWER';

export function writePaosRequest({ request, consumerUrl, issuer, relayState }: PaosRequest): string {
  return writeEnvelope(
    [
      markup('paos:Request', {
        'xmlns:paos': NS.paos,
        responseConsumerURL: consumerUrl,
        service: NS.ecp,
        ...FOR_NEXT,
      }),
      markup(
        'ecp:Request',
        { 'xmlns:ecp': NS.ecp, ...FOR_NEXT },
        markup('saml:Issuer', { 'xmlns:saml': NS.assertion }, escaped(issuer)),
      ),
      ...relayStateHeader(relayState),
    ],
    request,
  );
}

/** @throws Mom4cError M4C_IDP_ANSWER */
export function readPaosRequest(xml: string): PaosRequest {
  const { header, messageText } = readEnvelope(xml, NS.protocol, 'AuthnRequest', ANSWER);
  const paos = headerOf(header, NS.paos, 'Request', ANSWER);
  const ecp = headerOf(header, NS.ecp, 'Request', ANSWER);
  if (!paos || !ecp) throw new Mom4cError(ANSWER, 'an envelope without the headers of PAOS and ECP');
  if (attributeOf(paos, 'service', MAX_URI, ANSWER) !== NS.ecp)
    throw new Mom4cError(ANSWER, 'a request for another service than ECP');
  return {
    request: messageText,
    consumerUrl: mandatoryAttribute(paos, 'responseConsumerURL', MAX_URI, ANSWER),
    issuer: nameOf(exactlyOne(ecp, NS.assertion, 'Issuer', ANSWER), MAX_URI, ANSWER),
    relayState: relayStateOf(header, ANSWER),
  };
}

/** For the identity provider: without the headers, which were the agent's. */
export function writeIdpRequest(request: string): string {
  return writeEnvelope([], request);
}

/** @throws Mom4cError M4C_IDP_ANSWER */
export function readIdpAnswer(xml: string): IdpAnswer {
  const { header, messageText } = readEnvelope(xml, NS.protocol, 'Response', ANSWER);
  const ecp = headerOf(header, NS.ecp, 'Response', ANSWER);
  if (!ecp) throw new Mom4cError(ANSWER, 'an envelope without the header of ECP');
  return {
    response: messageText,
    consumerUrl: mandatoryAttribute(ecp, 'AssertionConsumerServiceURL', MAX_URI, ANSWER),
  };
}

export function writePaosResponse({ response, relayState }: PaosResponse): string {
  return writeEnvelope(relayStateHeader(relayState), response);
}

/** @throws Mom4cError M4C_ASSERTION_MALFORMED */
export function readPaosResponse(xml: string): PaosResponse {
  const { header, messageText } = readEnvelope(xml, NS.protocol, 'Response', 'M4C_ASSERTION_MALFORMED');
  return { response: messageText, relayState: relayStateOf(header, 'M4C_ASSERTION_MALFORMED') };
}

function relayStateHeader(relayState: string | undefined): readonly string[] {
  return relayState === undefined
    ? []
    : [markup('ecp:RelayState', { 'xmlns:ecp': NS.ecp, ...FOR_NEXT }, escaped(relayState))];
}

function relayStateOf(header: Parameters<typeof headerOf>[0], code: ErrorCode): string | undefined {
  const element = headerOf(header, NS.ecp, 'RelayState', code);
  return element && textOf(element, MAX_RELAY_STATE, code);
}
