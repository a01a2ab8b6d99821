/** Why a stream ended, in our own errors. */
import { bareJid, Mom4cError, type FullJid } from '@mom4c/core';
import type { Element } from './element.ts';
import { NS_SASL, NS_STREAM_ERROR } from './namespaces.ts';

export function offline(cause?: Error): Mom4cError {
  return new Mom4cError('M4C_XMPP_OFFLINE', undefined, { cause });
}

/** Those that the same log-in would meet again; everything else passes (RFC 6120 §4.9.3). */
const LOGIN_CONDITIONS = new Set(['host-unknown', 'host-gone', 'invalid-from', 'not-authorized']);

/** @param element `<stream:error/>` */
export function streamFault(element: Element): { condition: string | undefined; error: Mom4cError } {
  const condition = element
    .getChildElements()
    .find((child) => child.getNS() === NS_STREAM_ERROR)
    ?.getName();
  if (condition === 'conflict') return { condition, error: new Mom4cError('M4C_XMPP_CONFLICT') };
  const code = LOGIN_CONDITIONS.has(condition ?? '') ? 'M4C_XMPP_LOGIN' : 'M4C_XMPP_UNREACHABLE';
  const detail = `stream error ${condition?.slice(0, 64) ?? 'without a condition'}`;
  return { condition, error: new Mom4cError(code, detail) };
}

/** @param failure `<failure/>` of SASL, RFC 6120 §6.4.5 */
export function saslFault(failure: Element, jid: FullJid): Mom4cError {
  const condition = failure
    .getChildElements()
    .find((child) => child.getNS() === NS_SASL)
    ?.getName();
  if (condition === undefined) return new Mom4cError('M4C_XMPP_UNREACHABLE', 'a refusal without a reason');
  // RFC 6120 §6.5.10: the only condition that says "later".
  const code = condition === 'temporary-auth-failure' ? 'M4C_XMPP_UNREACHABLE' : 'M4C_XMPP_LOGIN';
  return new Mom4cError(code, `${condition.slice(0, 64)} for ${bareJid(jid)}`);
}
