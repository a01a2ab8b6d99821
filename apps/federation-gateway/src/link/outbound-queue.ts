/**
 * What waits to be written to a stream of a partner, in the order in which it came.
 *
 * INVARIANTS
 * - Order is kept; one stanza is being written at a time, the next one when the system has taken it.
 * - Whatever was taken is either written, or given to `onLost`, once.
 * - Stanzas and octets are bounded, of all senders and of each: who sends much does not fill it for others.
 */
import { Mom4cError, type Load } from '@mom4c/core';
import type { Element } from '@mom4c/xmpp';

export type QueueLimits = { readonly perSender: Load; readonly total: Load };

export const QUEUE_LIMITS: QueueLimits = {
  perSender: { pieces: 1_024, octets: 2 * 1024 * 1024 },
  total: { pieces: 8_192, octets: 8 * 1024 * 1024 },
};

type Piece = { readonly sender: string; readonly octets: number; readonly stanza: Element };
type Write = (stanza: Element) => Promise<void>;

export class OutboundQueue {
  readonly #limits: QueueLimits;
  readonly #onSent: (stanza: Element) => void;
  readonly #onLost: (stanza: Element, error: Mom4cError) => void;
  /** From `#next` on they wait; what is before it has left. */
  #pieces: Piece[] = [];
  #next = 0;
  readonly #senders = new Map<string, { pieces: number; octets: number }>();
  readonly #load = { pieces: 0, octets: 0 };
  #write: Write | undefined;
  #writing: Promise<void> | undefined;
  #waiters: (() => void)[] = [];

  constructor(
    onSent: (stanza: Element) => void,
    onLost: (stanza: Element, error: Mom4cError) => void,
    limits: QueueLimits = QUEUE_LIMITS,
  ) {
    this.#onSent = onSent;
    this.#onLost = onLost;
    this.#limits = limits;
  }

  get load(): Load {
    return { ...this.#load };
  }

  /** @param octets about what it weighs @returns false if there is no room */
  offer(sender: string, octets: number, stanza: Element): boolean {
    const { perSender, total } = this.#limits;
    const own = this.#senders.get(sender) ?? { pieces: 0, octets: 0 };
    if (isAbove(own, octets, perSender) || isAbove(this.#load, octets, total)) return false;
    this.#senders.set(sender, own);
    for (const load of [own, this.#load]) {
      load.pieces += 1;
      load.octets += octets;
    }
    this.#pieces.push({ sender, octets, stanza });
    this.#start();
    return true;
  }

  /** Begins to write what waits, and what will come. */
  open(write: Write): void {
    this.#write = write;
    this.#start();
  }

  /** Writes nothing more; what waits is lost. Resolves when that is certain of the one that is being written, too. */
  async close(error: Mom4cError): Promise<void> {
    this.#write = undefined;
    while (this.#next < this.#pieces.length) this.#onLost(this.#take().stanza, error);
    this.#wake();
    await this.#writing;
  }

  /** Resolves when a piece has left. */
  moved(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #start(): void {
    // With something to write it does not end before it has been waited for.
    if (this.#write && this.#next < this.#pieces.length) this.#writing ??= this.#pump();
  }

  async #pump(): Promise<void> {
    while (this.#write && this.#next < this.#pieces.length) {
      const { stanza } = this.#take();
      try {
        await this.#write(stanza);
        this.#onSent(stanza);
      } catch (thrown) {
        this.#onLost(
          stanza,
          thrown instanceof Mom4cError
            ? thrown
            : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown }),
        );
      }
      this.#wake();
    }
    this.#writing = undefined;
  }

  #take(): Piece {
    const piece = this.#pieces[this.#next++]!;
    const own = this.#senders.get(piece.sender)!;
    for (const load of [own, this.#load]) {
      load.pieces -= 1;
      load.octets -= piece.octets;
    }
    if (own.pieces === 0) this.#senders.delete(piece.sender);
    if (this.#next * 2 > this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#next);
      this.#next = 0;
    }
    return piece;
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}

/** A first piece is always taken: a limit must not make anything impossible. */
function isAbove(now: Load, octets: number, limit: Load): boolean {
  return now.pieces > 0 && (now.pieces >= limit.pieces || now.octets + octets > limit.octets);
}
