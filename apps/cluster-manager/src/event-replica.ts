/** What a manager that stands by is told of events: whoever takes over goes on with the same ones. */
import { Mom4cError, bareJid, compareEpochs } from '@mom4c/core';
import type { Epoch, EventRecord } from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { Incoming, XmppSession } from '@mom4c/xmpp';
import type { Letters } from './letters.ts';

export type ReplicaParts = {
  readonly member: Pick<Member, 'service'>;
  readonly letters: Letters;
  /** Of which a manager has said in the room that it leads under it. */
  readonly highest: () => Epoch | undefined;
  /** Whoever leads makes them itself. */
  readonly leads: () => boolean;
  readonly adopt: (events: readonly EventRecord[]) => void;
};

/** @param session of the service address */
export function followEvents(session: XmppSession, parts: ReplicaParts): void {
  const { member, letters, highest, leads, adopt } = parts;
  session.onMessage(async ({ from, type, element }: Incoming) => {
    // Results of task executors come here while nobody leads: the next one asks for them again.
    if (type === 'error' || leads() || bareJid(from) !== member.service) return;
    try {
      const { payload } = await letters.open(element, ['events'], from);
      const known = highest();
      if (known && compareEpochs(payload.epoch, known) < 0) throw new Mom4cError('M4C_EPOCH');
      if (!leads()) adopt(payload.events);
    } catch (thrown) {
      letters.refused(thrown, from);
    }
  });
}
