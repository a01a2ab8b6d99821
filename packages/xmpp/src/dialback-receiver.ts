/** Server dialback (XEP-0220) on streams that others opened: as the receiving server, and as the authoritative one. */
import { Mom4cError } from '@mom4c/core';
import { textOf, xml, type Element } from './element.ts';
import { NS_DIALBACK } from './namespaces.ts';
import type { HostPair, S2sPolicy } from './s2s.ts';
import { withStream } from './s2s-initiator.ts';
import type { S2sListening } from './s2s-listening.ts';
import type { XmlLink } from './xml-link.ts';

/** §3. */
export const DIALBACK_FEATURE = "<dialback xmlns='urn:xmpp:features:dialback'/>";
const MAX_KEY = 1_024;
const MAX_ID = 256;

export function isKeyQuestion(element: Element): boolean {
  return element.is('verify', NS_DIALBACK) && element.attrs.type === undefined;
}

/** Does the peer show a key for the two hosts of its stream? Those of others are no part of it (no piggybacking). */
export function isKeyOf(element: Element, { local, remote }: HostPair): boolean {
  const { from, to, type } = element.attrs;
  return element.is('result', NS_DIALBACK) && type === undefined && from === remote && to === local;
}

/** §2.2.2: asks the server that is configured for the peer's host, on a connection of its own. @returns is the key good? */
export async function confirmByDialback(asked: {
  readonly listening: S2sListening;
  readonly pair: HostPair;
  readonly id: string;
  readonly policy: S2sPolicy;
  readonly key: string;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { listening, pair, id, policy, key, signal } = asked;
  const { dialback, credentials, log, clock, random } = listening;
  if (!dialback) throw new Mom4cError('M4C_CONFIG', 'dialback without keys');
  if (key.length > MAX_KEY) return false;
  const { local, remote } = pair;
  const opening = {
    pair,
    address: dialback.addressOf(remote),
    policy,
    credentials,
    log,
    clock,
    random,
    signal,
  };
  try {
    return await withStream(opening, async ({ link, phases }) => {
      await link.send(xml('db:verify', { from: local, to: remote, id }, key));
      const answer = await phases.wait('answer of the authoritative server', link.next());
      const { from, to, type } = answer.attrs;
      const ours =
        answer.is('verify', NS_DIALBACK) && from === remote && to === local && answer.attrs.id === id;
      void link.close(new Mom4cError('M4C_PARTNER_STREAM', 'asked and answered'));
      return ours && type === 'valid';
    });
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
    log.debug(
      { code: error.code, detail: error.detail, partner: remote },
      'the authoritative server did not answer',
    );
    return false;
  }
}

/** Questions about keys of ours, on a stream of who was shown one; and a key of the peer on a stream that has no need of it.
 *  @returns was it a good key? */
export function answerDialback(asked: {
  readonly link: XmlLink;
  readonly listening: S2sListening;
  readonly pair: HostPair;
  readonly policy: S2sPolicy;
  readonly element: Element;
}): boolean {
  const { link, listening, pair, policy, element } = asked;
  const { local, remote } = pair;
  const { id, from, to } = element.attrs;
  const answer = (name: string, more: { readonly id?: string }, valid: boolean): boolean => {
    const attributes = { from: local, to: remote, ...more, type: valid ? 'valid' : 'invalid' };
    link.send(xml(name, attributes)).catch((error: unknown) => link.destroy(error as Mom4cError));
    return valid;
  };
  if (isKeyQuestion(element) && from === remote && to === local && id !== undefined && id.length <= MAX_ID) {
    const names = { receiving: remote, originating: local, stream: id };
    return answer('db:verify', { id }, listening.dialback?.keys.confirms(names, textOf(element)) ?? false);
  }
  if (isKeyOf(element, pair))
    // Nothing is checked at this level; at `dialback` it has been.
    return answer('db:result', {}, policy.authentication === 'none' || policy.authentication === 'dialback');
  const error = new Mom4cError('M4C_PARTNER_ADDRESS', 'dialback for other hosts than those of the stream');
  void link.close(error, 'invalid-from');
  return false;
}
