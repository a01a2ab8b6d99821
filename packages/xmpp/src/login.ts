/** Log-in on a fresh stream: SASL EXTERNAL (RFC 6120 §6, XEP-0178), then the wanted resource (§7). */
import { bareJid, Mom4cError, parseJid, type FullJid } from '@mom4c/core';
import { textOf, xml, type Element } from './element.ts';
import { describeStanzaError } from './stanza-error.ts';
import type { XmlStream } from './stream.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind';

/** Stream management (XEP-0198) is never negotiated: its counters proved racy in practice, and a resumed stream would
 *  hide losses that the outbox and command ids deal with anyway. An unknown feature is simply not asked for.
 *  @throws Mom4cError M4C_XMPP_LOGIN (refused), M4C_XMPP_UNREACHABLE (may be tried again), M4C_XMPP_CONFLICT */
export async function logIn(stream: XmlStream, jid: FullJid): Promise<void> {
  await authenticate(stream, await stream.open(), jid);
  await bind(stream, await stream.open(), jid);
}

async function authenticate(stream: XmlStream, features: Element, jid: FullJid): Promise<void> {
  const offered = features.getChild('mechanisms', NS_SASL)?.getChildren('mechanism') ?? [];
  if (!offered.some((mechanism) => mechanism.text().trim() === 'EXTERNAL'))
    throw new Mom4cError('M4C_XMPP_LOGIN', 'the server does not offer log-in by certificate (SASL EXTERNAL)');
  // Never an empty authzid: with two addresses in the certificate it chooses, and Prosody 0.12 hangs without.
  const authzid = Buffer.from(bareJid(jid)).toString('base64');
  await stream.send(xml('auth', { xmlns: NS_SASL, mechanism: 'EXTERNAL' }, authzid));
  const answer = await stream.next();
  if (answer.is('success', NS_SASL)) return;
  const condition =
    answer
      .getChildElements()
      .find((child) => child.getName() !== 'text')
      ?.getName() ?? answer.getName();
  // §6.5.10: the only condition that says "later".
  const code = condition === 'temporary-auth-failure' ? 'M4C_XMPP_UNREACHABLE' : 'M4C_XMPP_LOGIN';
  throw new Mom4cError(code, `${condition.slice(0, 64)} for ${bareJid(jid)}`);
}

async function bind(stream: XmlStream, features: Element, jid: FullJid): Promise<void> {
  if (!features.getChild('bind', NS_BIND))
    throw new Mom4cError('M4C_XMPP_LOGIN', 'the server offers no resource');
  const { resource } = parseJid(jid);
  const request = xml('bind', { xmlns: NS_BIND }, xml('resource', {}, resource));
  await stream.send(xml('iq', { type: 'set', id: 'bind' }, request));
  const answer = await stream.next();
  if (!answer.is('iq') || answer.attrs.id !== 'bind')
    throw new Mom4cError('M4C_XMPP_UNREACHABLE', 'no answer to the resource binding');
  if (answer.attrs.type !== 'result') {
    const { condition, type } = describeStanzaError(answer);
    throw new Mom4cError(
      type === 'wait' ? 'M4C_XMPP_UNREACHABLE' : 'M4C_XMPP_LOGIN',
      `${condition} for ${jid}`,
    );
  }
  const bound = textOf(answer.getChild('bind', NS_BIND)?.getChild('jid'));
  // §7.6.2.1 lets a server choose another; peers would not find us there.
  if (bound !== jid) throw new Mom4cError('M4C_XMPP_LOGIN', `the server gave another address than ${jid}`);
}
