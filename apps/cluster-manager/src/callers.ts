/**
 * Whoever asks is told when the session that it asked is gone, and when the next one is there: the server says so to each to whom
 * that session has shown its presence. So a requester that waits for a manager that died asks the next one at once.
 */
import type { FullJid } from '@mom4c/core';
import type { XmppSession } from '@mom4c/xmpp';

/** The server keeps a list of them for the session; the ones longest silent are taken off it. */
const MAX_CALLERS = 1000;

export class Callers {
  readonly #session: XmppSession;
  /** The latest comes last. */
  readonly #known = new Set<FullJid>();

  constructor(session: XmppSession) {
    this.#session = session;
  }

  greet(...callers: readonly FullJid[]): void {
    for (const caller of callers) this.#greet(caller);
  }

  #greet(caller: FullJid): void {
    if (!this.#known.delete(caller)) this.#show(caller);
    this.#known.add(caller);
    if (this.#known.size <= MAX_CALLERS) return;
    const [oldest] = this.#known;
    this.#known.delete(oldest!);
    this.#show(oldest!, 'unavailable');
  }

  /** Not to be heard of costs a second, no more. */
  #show(to: FullJid, type?: 'unavailable'): void {
    this.#session.sendPresence({ to, ...(type && { type }) }).catch(() => {});
  }
}
