/**
 * Signed presence as it arrives at `cm@D`, of task executors and of managers; every manager hears it, whether it leads or
 * stands by, so that whoever takes over knows who is here.
 */
import type { XmppSession, Incoming } from '@mom4c/xmpp';
import type { Letters } from './letters.ts';
import type { Roster } from './roster.ts';
import type { Standbys } from './standbys.ts';

export type AttendanceParts = {
  readonly roster: Roster;
  readonly standbys: Standbys;
  readonly letters: Letters;
  /** A manager has come, become ready, or gone. */
  readonly onStandbys: () => void;
  /** A task executor has announced itself in a session that was not known. */
  readonly onArrival: (name: string) => void;
};

/** @param session of the service address, available to the server */
export function followAttendance(session: XmppSession, parts: AttendanceParts): void {
  const { roster, standbys, letters, onStandbys, onArrival } = parts;
  const underWay = new Map<string, Promise<void>>();

  async function hear({ from, type, element }: Incoming, generation: number): Promise<void> {
    if (type === 'unavailable' || type === 'error') {
      if (standbys.gone(from)) onStandbys();
      return roster.gone(from);
    }
    if (type !== undefined) return;
    try {
      const received = await letters.open(element, ['presence', 'standing'], from);
      if (generation !== roster.generation) return;
      const { payload } = received;
      if (payload.type === 'standing') {
        if (standbys.heard({ ...received, payload }, from)) onStandbys();
      } else if (roster.announced({ ...received, payload }, from)) onArrival(received.signer.name);
    } catch (thrown) {
      if (generation === roster.generation) roster.unsigned(from);
      letters.refused(thrown, from);
    }
  }

  /** One after the other of each sender: the loss of a node must not be overtaken by what it said before. */
  session.onPresence((stanza) => {
    const { from } = stanza;
    // Of the other sessions of this address, which say nothing.
    if (from.startsWith(session.jid.slice(0, session.jid.indexOf('/') + 1))) return undefined;
    const { generation } = roster;
    const before = underWay.get(from) ?? Promise.resolve();
    const handled = before.then(() => hear(stanza, generation));
    underWay.set(from, handled);
    return handled.finally(() => {
      if (underWay.get(from) === handled) underWay.delete(from);
    });
  });
}
