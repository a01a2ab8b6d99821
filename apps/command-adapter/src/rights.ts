/** What each person may do: the manager's word, kept for a moment. Nothing is decided here; the manager decides again
 *  when the request comes. */
import { bareJid } from '@mom4c/core';
import type { BareJid, Clock } from '@mom4c/core';

const KEPT_MS = 5_000;
const MAX_KEPT = 1_000;

type Word = { readonly commands: Promise<readonly string[]>; readonly until: number };

export class Rights {
  readonly #ask: (person: BareJid) => Promise<readonly string[]>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #words = new Map<BareJid, Word>();

  constructor(ask: (person: BareJid) => Promise<readonly string[]>, clock: Pick<Clock, 'monotonic'>) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Names of commands. @param from a full address @throws Mom4cError what the manager, or the way to it, says */
  async of(from: string): Promise<readonly string[]> {
    const person = bareJid(from);
    const now = this.#clock.monotonic();
    const known = this.#words.get(person);
    if (known && known.until > now) return known.commands;
    this.#words.delete(person);
    const commands = this.#ask(person);
    this.#words.set(person, { commands, until: now + KEPT_MS });
    if (this.#words.size > MAX_KEPT) this.#words.delete(this.#words.keys().next().value!);
    try {
      return await commands;
    } catch (error) {
      this.#words.delete(person);
      throw error;
    }
  }
}
