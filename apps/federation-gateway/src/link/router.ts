/**
 * Who may send what to whom (PARTS "Federation over gateways"): pure rules. A partner speaks for its own hosts and is
 * spoken to by those of ours that are federated.
 */
import { Mom4cError } from '@mom4c/core';
import { hostOf, isSelfContained, type Element } from '@mom4c/xmpp';
import type { Partner, Partners } from '../partner.ts';

/** Of the kinds of stanzas (RFC 6120 §8). Not by local name: with a prefix it is another element. */
const KINDS: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

export type Outgoing =
  | { readonly go: 'partner'; readonly partner: Partner; readonly local: string; readonly remote: string }
  | { readonly go: 'back'; readonly error: Mom4cError }
  /** There is nobody to send it back to. */
  | { readonly go: 'nowhere'; readonly error: Mom4cError };

/** Of our own server, which vouches for `from`. @param ours federated hosts */
export function routeOutgoing(
  stanza: Element,
  ours: ReadonlySet<string>,
  partners: Pick<Partners, 'ofHost'>,
): Outgoing {
  const local = hostOf(stanza.attrs.from ?? '');
  const remote = hostOf(stanza.attrs.to ?? '');
  if (!KINDS.has(stanza.name)) return { go: 'nowhere', error: new Mom4cError('M4C_UNEXPECTED', 'no stanza') };
  if (local === undefined || remote === undefined)
    return {
      go: 'nowhere',
      error: new Mom4cError('M4C_MALFORMED', 'a stanza between two hosts has both addresses'),
    };
  if (!ours.has(local))
    return {
      go: 'back',
      error: new Mom4cError('M4C_PARTNER_ADDRESS', `${local} does not speak to partners`),
    };
  const partner = partners.ofHost(remote);
  if (!partner) return { go: 'back', error: new Mom4cError('M4C_PARTNER_UNKNOWN', remote) };
  if (!isSelfContained(stanza)) return { go: 'back', error: foreignPrefix() };
  return { go: 'partner', partner, local, remote };
}

export type Incoming =
  | { readonly go: 'server' }
  | { readonly go: 'back'; readonly error: Mom4cError }
  /** The stream is not to be used any more. @param condition RFC 6120 §4.9.3 */
  | { readonly go: 'close'; readonly condition: StreamCondition; readonly error: Mom4cError };

export type StreamCondition = 'improper-addressing' | 'invalid-from' | 'unsupported-stanza-type';

export type Scope = {
  /** Hosts that the stream may speak for, and to. */
  readonly theirs: ReadonlySet<string>;
  readonly ours: ReadonlySet<string>;
};

/** Of a partner, on a stream that he has authenticated on. */
export function routeIncoming(stanza: Element, { theirs, ours }: Scope): Incoming {
  const close = (condition: StreamCondition, detail: string): Incoming => ({
    go: 'close',
    condition,
    error: new Mom4cError('M4C_PARTNER_ADDRESS', detail),
  });
  if (!KINDS.has(stanza.name)) return close('unsupported-stanza-type', 'no stanza');
  const remote = hostOf(stanza.attrs.from ?? '');
  const local = hostOf(stanza.attrs.to ?? '');
  if (remote === undefined || local === undefined)
    return close('improper-addressing', 'an address is missing or is none');
  if (!theirs.has(remote)) return close('invalid-from', `it may not speak for ${remote}`);
  if (!ours.has(local)) return close('improper-addressing', `${local} is not federated with it`);
  return isSelfContained(stanza) ? { go: 'server' } : { go: 'back', error: foreignPrefix() };
}

function foreignPrefix(): Mom4cError {
  return new Mom4cError('M4C_MALFORMED', 'a prefix that the stanza does not declare');
}
