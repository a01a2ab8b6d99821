/**
 * Which targets may have a command, and what it says if one of them does not take a letter.
 *
 * INVARIANT: `refused` is said only of what its target never had: whoever has it may have begun it, and says so itself,
 * or the deadline does. Why one of several letters was not taken, too late by the other one's clock say, does not tell.
 */
import type { ErrorCode, Mom4cError } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';
import { noAnswer } from './pending-command.ts';

/** No word, the connection went, or the term is over: it may have arrived. */
const NO_WORD: ReadonlySet<ErrorCode> = new Set(['M4C_TIMEOUT', 'M4C_XMPP_OFFLINE', 'M4C_NO_MANAGER']);

export class Deliveries {
  readonly #adopted: boolean;
  /** Target → how many letters of this term it may have taken. */
  readonly #letters = new Map<string, number>();

  /** @param adopted an earlier term may have sent it to any target */
  constructor(adopted: boolean) {
    this.#adopted = adopted;
  }

  /** Has anybody been sent it in this term? */
  get any(): boolean {
    return this.#letters.size > 0;
  }

  /** Has it been sent to this target in this term? */
  has(target: string): boolean {
    return this.#letters.has(target);
  }

  sent(target: string): void {
    this.#letters.set(target, (this.#letters.get(target) ?? 0) + 1);
  }

  /** One of the letters was not taken. @returns undefined: what becomes of the command is open still */
  notTaken(target: string, error: Mom4cError): Outcome | undefined {
    if (NO_WORD.has(error.code)) return undefined;
    const others = this.#letters.get(target)! - 1;
    this.#letters.set(target, others);
    if (this.#adopted || others > 0) return undefined;
    if (error.code === 'M4C_XMPP_RECIPIENT') return noAnswer(target, 'M4C_TARGET_ABSENT');
    return { target, state: 'refused', error: error.toBody() };
  }
}
