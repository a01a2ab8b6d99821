/** What a presence on its way between two domains changes of who is present where. Pure. */
import { hostOf, type Element } from '@mom4c/xmpp';
import { isJoin } from './bounce.ts';

const NS_MUC_USER = 'http://jabber.org/protocol/muc#user';
/** XEP-0045 §15.6.2: it is about the very occupant that it goes to. */
const SELF = '110';

/** Who sends: `out` one of ours, `in` one of the partner's. */
export type Side = 'in' | 'out';

/**
 * - `directed`: the sender has shown itself to the recipient, who would believe it present for ever.
 * - `join`: the same to a room that has not answered yet.
 * - `self`: a room (its occupant, `room/nick`) has told the recipient that this is who it is there.
 */
export type Kind = 'directed' | 'join' | 'self';

export type Between = { readonly side: Side; readonly from: string; readonly to: string };

export type Presence = Between & { readonly kind: Kind };

export type Change = {
  readonly note?: Presence;
  readonly forget?: readonly Between[];
};

/** @param side who sent it; both addresses are checked */
export function readPresence(stanza: Element, side: Side): Change {
  const { from, to, type } = stanza.attrs;
  if (stanza.name !== 'presence' || from === undefined || to === undefined) return {};
  const back = { side: other(side), from: to, to: from };
  switch (type) {
    case undefined:
      return noteOf(stanza, { side, from, to });
    case 'unavailable':
      // Out of a room: with the occupant goes what he had shown to the room under this nick.
      return { forget: isSelf(stanza) ? [{ side, from, to }, back] : [{ side, from, to }] };
    case 'error':
      return { forget: [back] };
    default:
      return {};
  }
}

function noteOf(stanza: Element, between: Between): Change {
  // An account without a resource is in no place that it could leave.
  if (!between.from.includes('/')) return {};
  if (isSelf(stanza)) return { note: { ...between, kind: 'self' } };
  // Of others in a room: who is told that he has left it himself has no use for it.
  if (stanza.getChild('x', NS_MUC_USER)) return {};
  return { note: { ...between, kind: isJoin(stanza) ? 'join' : 'directed' } };
}

function isSelf(stanza: Element): boolean {
  const statuses = stanza.getChild('x', NS_MUC_USER)?.getChildren('status') ?? [];
  return statuses.some(({ attrs }) => attrs.code === SELF);
}

export function other(side: Side): Side {
  return side === 'in' ? 'out' : 'in';
}

/** Whose share a remembered presence counts to: of who has caused it. */
export function causerOf({ kind, from, to }: Presence): string {
  return bareOf(kind === 'self' ? to : from);
}

export function bareOf(address: string): string {
  const slash = address.indexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
}

/** Which pair of hosts its stanzas go between, seen from here. */
export function pairOf({ side, from, to }: Between): {
  local: string;
  remote: string;
} {
  const [sender, recipient] = [hostOf(from) ?? '', hostOf(to) ?? ''];
  return side === 'out' ? { local: sender, remote: recipient } : { local: recipient, remote: sender };
}
