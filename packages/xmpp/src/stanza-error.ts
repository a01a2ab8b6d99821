/** Errors of the catalogue to and from stanza errors (RFC 6120 §8.3). */
import { isErrorCode, Mom4cError, type ErrorCode } from '@mom4c/core';
import { textOf, xml, type Element } from './element.ts';
import { NS_MOM4C_ERROR, NS_STANZA_ERROR } from './namespaces.ts';

export type StanzaErrorDescription = {
  /** `undefined-condition` where none is given. */
  readonly condition: string;
  readonly type: string;
};

const MAX_DETAIL = 500;
const MAX_CORRELATION = 64;

/** `<error/>` with the condition, the text for clients of others, and the code in our application element. */
export function errorElement(error: Mom4cError): Element {
  const { type, condition } = error.entry;
  return xml(
    'error',
    { type },
    xml(condition, { xmlns: NS_STANZA_ERROR }),
    xml('text', { xmlns: NS_STANZA_ERROR, 'xml:lang': 'en' }, printable(error.message, MAX_DETAIL)),
    xml(
      'mom4c',
      { xmlns: NS_MOM4C_ERROR, code: error.code, correlation: error.correlation },
      error.detail === undefined ? undefined : xml('detail', {}, printable(error.detail, MAX_DETAIL)),
    ),
  );
}

/** `<error/>` without a code of ours, for what is below the application. */
export function plainErrorElement(type: 'cancel' | 'modify', condition: string): Element {
  return xml('error', { type }, xml(condition, { xmlns: NS_STANZA_ERROR }));
}

export function describeStanzaError(stanza: Element): StanzaErrorDescription {
  const error = stanza.getChild('error');
  const condition = error
    ?.getChildElements()
    .find((child) => child.getNS() === NS_STANZA_ERROR && child.getName() !== 'text')
    ?.getName();
  return {
    condition: /^[a-z-]{1,64}$/.test(condition ?? '') ? condition! : 'undefined-condition',
    type: printable(error?.attrs.type ?? 'cancel', 16),
  };
}

/** By condition, where the other side gave no code of ours. */
const BY_CONDITION: ReadonlyMap<string, ErrorCode> = new Map([
  ['recipient-unavailable', 'M4C_XMPP_RECIPIENT'],
  ['remote-server-not-found', 'M4C_XMPP_RECIPIENT'],
  ['remote-server-timeout', 'M4C_XMPP_RECIPIENT'],
  ['service-unavailable', 'M4C_XMPP_RECIPIENT'],
  ['resource-constraint', 'M4C_BUSY'],
]);

/** What a stanza of type `error` says. All of it is the other side's claim: use it to report and to retry, never to decide. */
export function stanzaError(stanza: Element): Mom4cError {
  const own = stanza.getChild('error')?.getChild('mom4c', NS_MOM4C_ERROR);
  const code = own?.attrs.code;
  if (own && isErrorCode(code)) {
    const detail = own.getChild('detail');
    const correlation = own.attrs.correlation;
    return new Mom4cError(code, detail && printable(textOf(detail), MAX_DETAIL), {
      correlation: correlation === undefined ? undefined : printable(correlation, MAX_CORRELATION),
    });
  }
  const { condition } = describeStanzaError(stanza);
  return new Mom4cError(BY_CONDITION.get(condition) ?? 'M4C_PEER', condition);
}

/** Bounded, without characters that steer a terminal or a log (C0, C1, bidirectional overrides, lone surrogates). */
function printable(text: string, limit: number): string {
  return text
    .slice(0, limit)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029\uFFFE\uFFFF]/gu, ' ');
}
