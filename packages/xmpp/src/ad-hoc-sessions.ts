/**
 * Executions of ad-hoc commands that wait for their form (XEP-0050 §3.1).
 *
 * INVARIANTS:
 * - An execution belongs to the full address and the command that began it; its id alone opens nothing.
 * - There are at most `perPerson` of one account (a new one ends the oldest) and `total` of all; each ends by itself.
 */
import { bareJid, Mom4cError, type Clock, type Random } from '@mom4c/core';

export type Execution = {
  readonly id: string;
  /** Full address. */
  readonly from: string;
  readonly node: string;
  /** Its form has come, and is worked on. */
  running: boolean;
  /** Monotonic milliseconds. */
  readonly until: number;
};

export const MAX_PER_PERSON = 8;
export const MAX_EXECUTIONS = 512;
export const EXECUTION_MS = 600_000;

export class Executions {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #random: Random;
  /** The oldest first: all live equally long. */
  readonly #all = new Map<string, Execution>();

  constructor({ clock, random }: { clock: Pick<Clock, 'monotonic'>; random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @throws Mom4cError M4C_BUSY */
  begin(from: string, node: string): Execution {
    this.#forget();
    const person = bareJid(from);
    const own = [...this.#all.values()].filter((one) => bareJid(one.from) === person);
    if (own.length >= MAX_PER_PERSON) this.#all.delete(own[0]!.id);
    if (this.#all.size >= MAX_EXECUTIONS) throw new Mom4cError('M4C_BUSY', 'too many commands are begun');
    const id = Buffer.from(this.#random.bytes(16)).toString('base64url');
    const execution = { id, from, node, running: false, until: this.#clock.monotonic() + EXECUTION_MS };
    this.#all.set(id, execution);
    return execution;
  }

  /** @returns undefined if there is none of this id that this sender began for this command, or none any more */
  find(id: string, from: string, node: string): Execution | undefined {
    this.#forget();
    const found = this.#all.get(id);
    return found?.from === from && found.node === node ? found : undefined;
  }

  end({ id }: Execution): void {
    this.#all.delete(id);
  }

  #forget(): void {
    const now = this.#clock.monotonic();
    for (const one of this.#all.values()) {
      if (one.until > now) return;
      this.#all.delete(one.id);
    }
  }
}
