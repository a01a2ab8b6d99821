/** How the desk reaches the outside while its manager leads: each stanza only as long as the lease holds. */
import type { Certificate } from '@mom4c/core';
import { lettersElements } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { Payload } from '@mom4c/messaging';
import { xml } from '@mom4c/xmpp';
import type { Element, Room, XmppSession } from '@mom4c/xmpp';
import type { Outbox } from './dispatch.ts';
import type { Leadership } from './leadership.ts';

/** @param session of the service address, whichever resource it has: there is one before `active` has been claimed */
export function outboxOf(member: Member, session: XmppSession, room: Room, leadership: Leadership): Outbox {
  const { postbox } = member;
  const sealedTo = async (payload: Payload, recipient: Certificate): Promise<Element[]> => {
    const letter = await postbox.sealTo(payload, [recipient]);
    leadership.check();
    return lettersElements(letter);
  };
  return {
    async toExecutor(jid, command, recipient, timeoutMs) {
      const [letter] = await sealedTo(command, recipient);
      await session.request(jid, 'set', letter!, { timeoutMs });
    },
    async toRoom(command) {
      const letter = await postbox.sealUnder(command, leadership.roomKey);
      leadership.check();
      await room.say(...lettersElements(letter));
    },
    async toRequester(jid, outcome, recipient) {
      const children = await sealedTo(outcome, recipient);
      await session.send(xml('message', { to: jid, type: 'normal' }, ...children));
    },
  };
}
