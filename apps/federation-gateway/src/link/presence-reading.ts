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
  /** What it would be if its sender were a room that the recipient has entered: who he is there, or something of others.
   *  Anybody can say so; the ledger knows who is in which room. */
  readonly inRoom?: 'self' | 'other';
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
  const note: Presence = { ...between, kind: isJoin(stanza) ? 'join' : 'directed' };
  const isOccupant = between.from.includes('/');
  if (isOccupant && isSelf(stanza)) return { note, inRoom: 'self' };
  // Of others in a room, or of the room as such: who is told that he has left it himself has no use for it.
  if (!isOccupant || stanza.getChild('x', NS_MUC_USER)) return { note, inRoom: 'other' };
  return { note };
}

function isSelf(stanza: Element): boolean {
  const statuses = stanza.getChild('x', NS_MUC_USER)?.getChildren('status') ?? [];
  return statuses.some(({ attrs }) => attrs.code === SELF);
}

export function other(side: Side): Side {
  return side === 'in' ? 'out' : 'in';
}

/** Whose share a remembered presence counts to, and to that of which side: of who has caused it. */
export function causerOf({ kind, side, from, to }: Presence): { side: Side; account: string } {
  return kind === 'self' ? { side: other(side), account: bareOf(to) } : { side, account: bareOf(from) };
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
