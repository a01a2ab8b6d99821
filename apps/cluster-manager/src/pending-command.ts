/**
 * One accepted command and what became of it at each target.
 *
 * INVARIANTS:
 * - Every target has exactly one outcome when the command is over; the first one that arrives counts.
 * - The command is over when every target has its outcome, or at the deadline, whichever is first.
 * - A target that said nothing by the deadline has the outcome `no-answer`; it is never left out.
 */
import type { Clock, Uuid } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';

export class PendingCommand {
  readonly id: Uuid;
  readonly #targets: readonly string[];
  readonly #outcomes = new Map<string, Outcome>();
  readonly #cancelDeadline: () => void;
  readonly #whenOver: (outcomes: Outcome[]) => void;
  #over = false;

  /** @param remaining milliseconds until the deadline */
  constructor(
    id: Uuid,
    targets: readonly string[],
    remaining: number,
    clock: Pick<Clock, 'after'>,
    whenOver: (outcomes: Outcome[]) => void,
  ) {
    this.id = id;
    this.#targets = targets;
    this.#whenOver = whenOver;
    this.#cancelDeadline = clock.after(Math.max(0, remaining), () => this.#finish());
  }

  awaits(target: string): boolean {
    return !this.#over && this.#targets.includes(target) && !this.#outcomes.has(target);
  }

  /** @returns false if that target is not awaited (any more) */
  settle(outcome: Outcome): boolean {
    if (!this.awaits(outcome.target)) return false;
    this.#outcomes.set(outcome.target, outcome);
    if (this.#outcomes.size === this.#targets.length) this.#finish();
    return true;
  }

  /** Ends it without an outcome: the process is going down, the journal keeps the command. */
  abandon(): void {
    this.#over = true;
    this.#cancelDeadline();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelDeadline();
    this.#whenOver(
      this.#targets.map((target) => this.#outcomes.get(target) ?? noAnswer(target, 'M4C_NO_ANSWER')),
    );
  }
}

export function noAnswer(
  target: string,
  code: 'M4C_NO_ANSWER' | 'M4C_TARGET_ABSENT',
  detail?: string,
): Outcome {
  return { target, state: 'no-answer', error: { code, detail } };
}
