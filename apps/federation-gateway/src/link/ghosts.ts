/**
 * Presences that nobody else will take back (PARTS "Ghosts"): what the gateway says in the place of those who cannot,
 * since the way between them has gone. Pure.
 */
import { Mom4cError } from '@mom4c/core';
import { xml, type Element } from '@mom4c/xmpp';
import { bounce } from './bounce.ts';
import { bareOf, type Presence } from './presence-reading.ts';

/** XEP-0045 §15.6.2: out of the room for a technical reason; since the service shuts down. */
export type Why = '333' | '332';

const NS_MUC = 'http://jabber.org/protocol/muc';
const NS_MUC_USER = 'http://jabber.org/protocol/muc#user';

/** The partner cannot be heard any more: what our own server and users must be told.
 *  @param theirs presences of the side `in`
 *  @param ours of the side `out`; of these only those who wait for a room to let them in are told */
export function partnerLost(theirs: readonly Presence[], ours: readonly Presence[]): Element[] {
  return [
    ...theirs.map((presence) => gone(presence, '333')),
    ...ours.filter(({ kind }) => kind === 'join').map(({ from, to }) => refusedJoin(from, to)),
  ];
}

/** Our own server is lost, or was: what the partner must be told. @param ours of the side `out` */
export function serverLost(ours: Presence, why: Why): Element {
  return gone(ours, why);
}

/** The partner can be heard again: our server is asked, in the place of his users who had been told, who is present now
 *  (RFC 6121 §4.3). Only presence that goes to an account is by subscription. @param ours presences of the side `out` */
export function probes(ours: readonly Presence[]): Element[] {
  const pairs = new Map<string, Element>();
  for (const { kind, from, to } of ours) {
    if (kind !== 'directed' || to.includes('/') || !to.includes('@')) continue;
    const account = bareOf(from);
    pairs.set(`${to}\n${account}`, xml('presence', { type: 'probe', from: to, to: account }));
  }
  return [...pairs.values()];
}

/** The presence that takes it back. */
function gone({ kind, from, to }: Presence, why: Why): Element {
  const presence = { type: 'unavailable', from, to };
  if (kind !== 'self') return xml('presence', presence);
  const statuses = ['110', why].map((code) => xml('status', { code }));
  const item = xml('item', { affiliation: 'none', role: 'none' });
  return xml('presence', presence, xml('x', { xmlns: NS_MUC_USER }, item, ...statuses));
}

/** Else a client would wait for the room for ever. */
function refusedJoin(from: string, to: string): Element {
  const join = xml('presence', { from, to }, xml('x', { xmlns: NS_MUC }));
  return bounce(join, new Mom4cError('M4C_PARTNER_DOWN'))!;
}
