/**
 * Work that keeps the processor, a few pieces in each turn of the event loop, senders in turn. Without it a queue is fair in
 * vain: such a piece is over before the next can stand in line, so all is done in the order of its arrival, and what arrives
 * meanwhile is not even read.
 *
 * INVARIANT: before the next pieces all that has arrived meanwhile is read, and so is in line, or refused because its sender
 * has too much there already.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { FairQueue } from './fair-queue.ts';
import type { FairLimits, Load } from './fair-queue.ts';

/** Who may wait is decided before. */
const ANY: Load = { pieces: Number.POSITIVE_INFINITY, octets: Number.POSITIVE_INFINITY };
/** Some milliseconds. With one, a third of a manager's throughput is lost: what one turn accepts, say, is written at once. */
const PER_TURN = 8;
const LIMITS: FairLimits = { running: PER_TURN, runningPerParty: PER_TURN, perParty: ANY, total: ANY };

export class Turns {
  readonly #line = new FairQueue(LIMITS);

  /** Resolves when it is this party's turn, at once where few others have theirs. */
  take(party: string): Promise<void> {
    return new Promise((resolve) => {
      this.#line.offer(party, 0, () => {
        resolve();
        return turnOfTheLoop();
      });
    });
  }
}
