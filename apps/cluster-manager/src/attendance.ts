/**
 * Signed presence as it arrives at `cm@D`, of task executors and of managers; every manager hears it, whether it leads or
 * stands by, so that whoever takes over knows who is here.
 */
import { Mom4cError } from '@mom4c/core';
import { letterIn } from '@mom4c/member';
import type { Element, XmppSession, Incoming } from '@mom4c/xmpp';
import type { Letters } from './letters.ts';
import type { Roster } from './roster.ts';
import type { Standbys } from './standbys.ts';
import type { Vigil } from './vigil.ts';

export type AttendanceParts = {
  readonly roster: Roster;
  readonly standbys: Standbys;
  readonly letters: Letters;
  /** Which managers are there. */
  readonly managers: Pick<Vigil, 'arrived' | 'gone' | 'of'>;
  /** A manager has come, become ready, or gone. */
  readonly onStandbys: () => void;
  /** A task executor has announced itself in a session that was not known. */
  readonly onArrival: (name: string) => void;
  /** A task executor has become a manager as well, or is one no longer. */
  readonly onRole: (name: string, manager: string, isManager: boolean) => void;
};

/** @param session of the service address, available to the server */
export function followAttendance(session: XmppSession, parts: AttendanceParts): void {
  const { roster, standbys, letters, managers, onStandbys, onArrival, onRole } = parts;
  const underWay = new Map<string, Promise<void>>();

  async function hear({ from, type, element }: Incoming, generation: number): Promise<void> {
    if (type === 'unavailable' || type === 'error') {
      const leaving = type === 'unavailable' && (await saysGoodbye(element, from));
      const manager = standbys.gone(from);
      if (manager !== undefined) {
        managers.gone(manager, leaving);
        onStandbys();
      }
      return roster.gone(from, leaving);
    }
    if (type !== undefined) return;
    try {
      const received = await letters.open(element, ['presence', 'standing'], from);
      if (generation !== roster.generation) return;
      const { payload } = received;
      if (payload.leaving) throw new Mom4cError('M4C_UNEXPECTED', 'who is there says goodbye');
      if (payload.type === 'standing') {
        const { name } = received.signer;
        const isNews = standbys.heard({ ...received, payload }, from);
        // It is there from when it could take over for the first time.
        if (payload.ready || managers.of(name)?.state === 'here') managers.arrived(name);
        if (isNews) onStandbys();
      } else {
        const { name } = received.signer;
        const before = roster.present(name)?.manager;
        const isNew = roster.announced({ ...received, payload }, from);
        if (isNew) onArrival(name);
        const { manager } = payload;
        const isManager = manager?.state === 'ready';
        if (before && manager && isManager !== (before.state === 'ready'))
          onRole(name, manager.name, isManager);
      }
    } catch (thrown) {
      if (generation === roster.generation) roster.unsigned(from);
      letters.refused(thrown, from);
    }
  }

  /** Under its signature. What says nothing, or nothing that can be believed, is a loss. */
  async function saysGoodbye(element: Element, from: string): Promise<boolean> {
    try {
      if (!letterIn(element)) return false;
      return (await letters.open(element, ['presence', 'standing'], from)).payload.leaving === true;
    } catch (thrown) {
      letters.refused(thrown, from);
      return false;
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
