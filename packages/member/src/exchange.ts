/** One letter to whichever manager leads, and its answer. */
import { Mom4cError, bareJid } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import type { Payload, PayloadOf, PayloadType, Received } from '@mom4c/messaging';
import type { Element, XmppSession } from '@mom4c/xmpp';
import { managersNow } from './managers.ts';
import type { Member } from './member.ts';
import { SERVICE_RESOURCE } from './settings.ts';
import { letterIn, lettersElements } from './wire.ts';

export type Exchange<T extends PayloadType> = {
  readonly payload: Payload;
  /** For whose eyes it is. */
  readonly managers: readonly Certificate[];
  readonly expected: readonly T[];
  readonly timeoutMs: number;
  /** Rejects when there is no more reason to wait. */
  readonly givenUp?: Promise<never>;
};

/** `cm@D/active` */
export function activeAddress({ service }: Pick<Member, 'service'>): string {
  return `${service}/${SERVICE_RESOURCE}`;
}

/** Once more where the manager that leads is newer than what we know.
 *  @throws Mom4cError what it refuses with, M4C_TIMEOUT, M4C_XMPP_OFFLINE, M4C_XMPP_RECIPIENT */
export async function exchange<T extends PayloadType>(
  member: Member,
  session: XmppSession,
  asked: Exchange<T>,
): Promise<PayloadOf<T>> {
  try {
    return await exchangeOnce(member, session, asked);
  } catch (thrown) {
    if (!(thrown instanceof Mom4cError) || thrown.code !== 'M4C_CANNOT_OPEN') throw thrown;
    return exchangeOnce(member, session, { ...asked, managers: await managersNow(member) });
  }
}

async function exchangeOnce<T extends PayloadType>(
  member: Member,
  session: XmppSession,
  { payload, managers, expected, timeoutMs, givenUp }: Exchange<T>,
): Promise<PayloadOf<T>> {
  const [letter] = lettersElements(await member.postbox.sealTo(payload, managers));
  const to = activeAddress(member);
  const answered = session.request(to, 'set', letter!, { timeoutMs });
  const answer = await (givenUp ? Promise.race([answered, givenUp]) : answered);
  const { payload: said } = await openFromManager(member, answer, expected, to);
  if (said.id !== payload.id) throw new Mom4cError('M4C_UNEXPECTED', 'the answer to another request');
  return said;
}

/** A letter to this member. @throws Mom4cError M4C_NOT_SIGNED, and what Postbox.open throws */
export async function openFromManager<T extends PayloadType>(
  { postbox, address, settings }: Member,
  element: Element,
  expected: readonly T[],
  from: string,
): Promise<Received<T>> {
  const letter = letterIn(element);
  if (!letter) throw new Mom4cError('M4C_NOT_SIGNED');
  const audience = { addresses: [address], rooms: [], name: settings.name };
  return postbox.open(letter, expected, audience, bareJid(from));
}
