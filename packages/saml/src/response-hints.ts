/** What the agent of a user may learn from an answer that it only carries. Nothing of it is verified. */
import type { ErrorCode } from '@mom4c/core';
import { atMostOne, exactlyOne, mandatoryAttribute, MAX_URI, rootOf, timeOf } from './elements.ts';
import { NS, STATUS_SUCCESS } from './namespaces.ts';
import { parseXml } from './restricted-xml.ts';

export type ResponseHints = {
  readonly success: boolean;
  /** The last word of its status, or of the one inside; `Success`, `AuthnFailed`. */
  readonly status: string;
  /** Until when the identity provider knows the user without another log-in; milliseconds. */
  readonly sessionUntil: number | undefined;
};

const CODE: ErrorCode = 'M4C_IDP_ANSWER';

/** @throws Mom4cError M4C_IDP_ANSWER */
export function hintsOf(xml: string): ResponseHints {
  const response = rootOf(parseXml(xml, CODE), NS.protocol, 'Response', CODE);
  const outer = exactlyOne(
    exactlyOne(response, NS.protocol, 'Status', CODE),
    NS.protocol,
    'StatusCode',
    CODE,
  );
  const success = mandatoryAttribute(outer, 'Value', MAX_URI, CODE) === STATUS_SUCCESS;
  const inner = atMostOne(outer, NS.protocol, 'StatusCode', CODE) ?? outer;
  const assertion = atMostOne(response, NS.assertion, 'Assertion', CODE);
  const statement = assertion && atMostOne(assertion, NS.assertion, 'AuthnStatement', CODE);
  return {
    success,
    status: wordOf(mandatoryAttribute(inner, 'Value', MAX_URI, CODE)),
    sessionUntil: statement && timeOf(statement, 'SessionNotOnOrAfter', CODE),
  };
}

/** Of the URN; its rest is whatever the sender likes. */
function wordOf(urn: string): string {
  return /^urn:oasis:names:tc:SAML:2\.0:status:([A-Za-z]{1,40})$/.exec(urn)?.[1] ?? 'one of its own';
}
