/** Letters as elements of a stanza. `jabber:x:encrypted` and `jabber:x:signed` are XEP-0027's; what is in them is CMS. */
import { Mom4cError } from '@mom4c/core';
import type { Letter } from '@mom4c/messaging';
import { textOf, xml } from '@mom4c/xmpp';
import type { Element } from '@mom4c/xmpp';

export const NS_ENCRYPTED = 'jabber:x:encrypted';
export const NS_SIGNED = 'jabber:x:signed';
export const NS_PAYLOAD = 'urn:mom4c:payload:1';

export function lettersElements(letter: Letter): Element[] {
  if (letter.kind === 'sealed') return [xml('x', { xmlns: NS_ENCRYPTED }, base64(letter.sealed))];
  return [
    xml('payload', { xmlns: NS_PAYLOAD }, base64(letter.content)),
    xml('x', { xmlns: NS_SIGNED }, base64(letter.signature)),
  ];
}

/** @param parent a message, presence or iq @returns undefined if it carries no letter at all
 *  @throws Mom4cError M4C_NOT_SIGNED, M4C_MALFORMED */
export function letterIn(parent: Element): Letter | undefined {
  const encrypted = parent.getChild('x', NS_ENCRYPTED);
  if (encrypted) return { kind: 'sealed', sealed: octets(encrypted) };
  const content = parent.getChild('payload', NS_PAYLOAD);
  if (!content) return undefined;
  const signature = parent.getChild('x', NS_SIGNED);
  if (!signature) throw new Mom4cError('M4C_NOT_SIGNED');
  return { kind: 'signed', content: octets(content), signature: octets(signature) };
}

function octets(element: Element): Uint8Array {
  const text = textOf(element);
  const decoded = Buffer.from(text, 'base64');
  // Node skips what it cannot read; this leaves the one spelling that RFC 4648 §3.5 calls canonical.
  if (decoded.length === 0 || base64(decoded) !== text) throw new Mom4cError('M4C_MALFORMED', 'not base64');
  return decoded;
}

const base64 = (of: Uint8Array): string =>
  Buffer.from(of.buffer, of.byteOffset, of.length).toString('base64');
