/** Log-in on a fresh stream: SASL EXTERNAL (RFC 6120 §6, XEP-0178), then the wanted resource (§7). */
import { Mom4cError, type FullJid } from '@mom4c/core';
import { textOf, xml, type Element } from './element.ts';
import { NS_STREAM } from './namespaces.ts';
import { describeStanzaError } from './stanza-error.ts';
import { featuresIn, type XmlStream } from './stream.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind';

/** The library negotiates what it is shown, and it is shown SASL EXTERNAL and the resource only. Not shown, among others:
 *  stream management (XEP-0198), whose counters proved racy, and a resumed stream would hide losses that the outbox and
 *  command ids deal with anyway; SASL2, Bind2 and FAST, which would bring the library's own mechanisms.
 *  @throws Mom4cError M4C_XMPP_LOGIN (refused), M4C_XMPP_UNREACHABLE (may be tried again), M4C_XMPP_CONFLICT, M4C_TLS */
export async function logIn(stream: XmlStream, jid: FullJid): Promise<void> {
  const { client } = stream;
  const online = new Promise<void>((resolve) => client.once('online', resolve));
  // The library's own keeps a timer of 30 s, and an error quicker than the confirmation of the sending ends Node.
  client.iqCaller.request = (iq) => bind(stream, iq, jid);

  const mechanisms = await stream.open();
  stream.negotiate(onlyExternal(mechanisms));
  const verdict = await stream.next();
  if (verdict.getNS() !== NS_SASL) throw new Mom4cError('M4C_XMPP_UNREACHABLE', 'no answer to the log-in');
  // The library opens the stream anew, or fails.
  stream.negotiate(verdict);
  stream.negotiate(onlyBind(await stream.next()));
  await stream.until(online);
}

function onlyExternal(features: Element): Element {
  const offered = features.getChild('mechanisms', NS_SASL)?.getChildren('mechanism') ?? [];
  if (!offered.some((mechanism) => mechanism.text().trim() === 'EXTERNAL'))
    throw new Mom4cError('M4C_XMPP_LOGIN', 'the server does not offer log-in by certificate (SASL EXTERNAL)');
  return feature(xml('mechanisms', { xmlns: NS_SASL }, xml('mechanism', {}, 'EXTERNAL')));
}

function onlyBind(features: Element): Element {
  if (!featuresIn(features).getChild('bind', NS_BIND))
    throw new Mom4cError('M4C_XMPP_LOGIN', 'the server offers no resource');
  return feature(xml('bind', { xmlns: NS_BIND }));
}

function feature(child: Element): Element {
  return xml('stream:features', { 'xmlns:stream': NS_STREAM }, child);
}

async function bind(stream: XmlStream, iq: Element, jid: FullJid): Promise<Element> {
  iq.attrs.id = 'bind';
  await stream.send(iq);
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
  return answer;
}
