/** Log-in on a fresh stream, in two steps: SASL by the one mechanism that is configured (RFC 6120 §6), then the wanted resource
 *  (§7). Between them the server knows who we are, and has nobody to whom it would deliver anything. */
import { Mom4cError, type FullJid } from '@mom4c/core';
import type { Login } from './client.ts';
import { textOf, xml, type Element } from './element.ts';
import { NS_SASL, NS_STREAM } from './namespaces.ts';
import { describeStanzaError } from './stanza-error.ts';
import { saslFault } from './stream-fault.ts';
import { featuresIn, type XmlStream } from './stream.ts';

const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind';

/** The library negotiates what it is shown, and it is shown our mechanism and the resource only. Not shown, among others:
 *  stream management (XEP-0198), whose counters proved racy, and a resumed stream would hide losses that the outbox and
 *  command ids deal with anyway; SASL2, Bind2 and FAST, which would bring the library's own mechanisms.
 *  @returns what the server offers then: a resource
 *  @throws Mom4cError M4C_XMPP_LOGIN (refused), M4C_XMPP_UNREACHABLE (may be tried again), M4C_XMPP_CONFLICT, M4C_TLS */
export async function authenticate(stream: XmlStream, { jid, sasl }: Login): Promise<Element> {
  const mechanisms = await stream.open();
  stream.negotiate(onlyMechanism(mechanisms, sasl.name));
  const verdict = await authenticated(stream, jid);
  // The library would take the server's word for it.
  sasl.finish(dataIn(verdict));
  // It opens the stream anew.
  stream.negotiate(verdict);
  return stream.next();
}

/** @param features as `authenticate` returned them @throws as that */
export async function bindResource(stream: XmlStream, { jid }: Login, features: Element): Promise<void> {
  const { client } = stream;
  const online = new Promise<void>((resolve) => client.once('online', resolve));
  // The library's own keeps a timer of 30 s, and an error quicker than the confirmation of the sending ends Node.
  client.iqCaller.request = (iq) => bind(stream, iq, jid);
  stream.negotiate(onlyBind(features));
  await stream.until(online);
}

/** Both. @throws as these */
export async function logIn(stream: XmlStream, login: Login): Promise<void> {
  await bindResource(stream, login, await authenticate(stream, login));
}

/** Never a weaker one in its place. */
function onlyMechanism(features: Element, name: string): Element {
  const offered = features.getChild('mechanisms', NS_SASL)?.getChildren('mechanism') ?? [];
  if (!offered.some((mechanism) => mechanism.text().trim() === name))
    throw new Mom4cError('M4C_XMPP_LOGIN', `the server does not offer SASL ${name}`);
  return feature(xml('mechanisms', { xmlns: NS_SASL }, xml('mechanism', {}, name)));
}

/** Lets the library answer challenges, which our mechanism ends if they are too many. @returns the success */
async function authenticated(stream: XmlStream, jid: FullJid): Promise<Element> {
  for (;;) {
    const element = await stream.next();
    if (element.getNS() !== NS_SASL) throw new Mom4cError('M4C_XMPP_UNREACHABLE', 'no answer to the log-in');
    // Not left to the library: Prosody ends the stream behind a failure, and that would be the reason then.
    if (element.is('failure')) throw saslFault(element, jid);
    if (element.is('success')) return element;
    if (!element.is('challenge')) throw new Mom4cError('M4C_XMPP_UNREACHABLE', 'no answer to the log-in');
    if (!dataIn(element)) throw new Mom4cError('M4C_XMPP_LOGIN', 'a challenge that says nothing');
    stream.negotiate(element);
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** RFC 6120 §6.4.2: base64, and a single `=` for data of no length. One character per octet, as the library decodes. */
function dataIn(element: Element): string | undefined {
  const text = textOf(element);
  if (text === '') return undefined;
  if (text === '=') return '';
  if (!BASE64.test(text)) throw new Mom4cError('M4C_XMPP_LOGIN', 'data of SASL that is no base64');
  return Buffer.from(text, 'base64').toString('latin1');
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
