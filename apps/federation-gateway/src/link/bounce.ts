/** What goes back to the sender of a stanza that could not be handed on (RFC 6120 §8.3). */
import type { Mom4cError } from '@mom4c/core';
import { errorElement, xml, type Element } from '@mom4c/xmpp';

const NS_MUC = 'http://jabber.org/protocol/muc';

/** Presences whose sender waits for something. Leaving, and answers to a request for subscription, expect nothing; a probe
 *  is a server's, for an account that did not ask. */
const ASKING: ReadonlySet<string | undefined> = new Set([undefined, 'subscribe']);

/** @returns undefined where nobody must be told: errors, results, and what expects no answer */
export function bounce(stanza: Element, error: Mom4cError): Element | undefined {
  const { from, to, id } = stanza.attrs;
  if (from === undefined || to === undefined || !isBounced(stanza)) return undefined;
  // Who joins a room knows the answer by it (XEP-0045 §7.2).
  const muc = isJoin(stanza) ? xml('x', { xmlns: NS_MUC }) : undefined;
  const attributes = { from: to, to: from, id, type: 'error' };
  return xml(stanza.name, attributes, muc, errorElement(error));
}

function isBounced({ name, attrs: { type } }: Element): boolean {
  if (name === 'iq') return type === 'get' || type === 'set';
  if (name === 'presence') return ASKING.has(type);
  return type !== 'error';
}

export function isJoin(stanza: Element): boolean {
  return (
    stanza.name === 'presence' &&
    stanza.attrs.type === undefined &&
    stanza.getChild('x', NS_MUC) !== undefined
  );
}
