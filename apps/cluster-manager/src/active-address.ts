/**
 * The session at `cm@D/active` as one term has it: claimed while this manager leads, then left, or kept for a while to say why
 * nobody leads.
 *
 * INVARIANTS:
 * - The address is never fought for. Losing it to somebody newer ends a term that leads, and is what one that keeps it waits for.
 * - One that is kept does not come back after its stream was lost: it might take the address from whoever leads by then.
 */
import type { Mom4cError } from '@mom4c/core';
import type { XmppSession } from '@mom4c/xmpp';

export type ActiveAddressEvents = {
  /** Somebody newer has the address: the term is over, whatever the lease says. */
  readonly onConflict: () => void;
  /** The server refuses this manager the address. */
  readonly onFatal: (error: Mom4cError) => void;
};

export class ActiveAddress {
  readonly #session: Pick<XmppSession, 'online' | 'on' | 'stop'>;
  #kept = false;

  constructor(session: Pick<XmppSession, 'online' | 'on' | 'stop'>, events: ActiveAddressEvents) {
    this.#session = session;
    session.on('conflict', () => {
      if (!this.#kept) events.onConflict();
    });
    session.on('offline', () => {
      if (this.#kept) void this.leave();
    });
    session.on('fatal', ({ error }) => events.onFatal(error));
  }

  get online(): boolean {
    return this.#session.online;
  }

  /** For as long as its stream lasts; without one it is left. */
  async keep(): Promise<void> {
    this.#kept = true;
    if (!this.online) await this.leave();
  }

  async leave(): Promise<void> {
    await this.#session.stop();
  }
}
