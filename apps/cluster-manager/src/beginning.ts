/**
 * How a term begins: the journal is told that this manager leads, and what was unfinished is adopted; tried until it succeeds or
 * the term ends. Requests that come meanwhile wait for the try that is under way. How many wait is bounded by the session at
 * which they arrive, which lets so many be worked on and so many queue.
 *
 * INVARIANTS:
 * - Nobody who waits goes on before a try has succeeded: with one that fails whoever waits for it is refused.
 * - Nobody waits for longer than the term, and nothing is adopted after it.
 */
import { jitteredBackoff, pause } from '@mom4c/core';
import type { Clock, Epoch, Random, SharedJournal } from '@mom4c/core';
import { askTheNext } from './ask-the-next.ts';

export type BeginningParts = {
  readonly epoch: Epoch;
  readonly journal: Pick<SharedJournal, 'lead'>;
  /** Goes on with what an earlier term left, once `lead` is in the journal. */
  readonly adopt: () => Promise<void>;
  /** It is tried again. */
  readonly onFailed: (thrown: unknown) => void;
  readonly clock: Pick<Clock, 'after'>;
  readonly random: Random;
  /** Aborted when the term ends, with what whoever asks is told then: a Mom4cError. */
  readonly ended: AbortSignal;
};

const RETRY = { baseMs: 50, capMs: 2_000 };

export class Beginning {
  readonly #parts: BeginningParts;
  readonly #end = Promise.withResolvers<never>();
  /** The latest try: rejects if it fails, or the term ends first. */
  #latest: Promise<void>;
  /** Resolves when it has succeeded, or the term has ended. */
  readonly settled: Promise<void>;

  constructor(parts: BeginningParts) {
    this.#parts = parts;
    parts.ended.addEventListener('abort', () => this.#end.reject(parts.ended.reason), { once: true });
    this.#latest = this.#try();
    this.settled = this.#untilBegun();
  }

  /** @throws Mom4cError M4C_NO_MANAGER: somebody else leads; what the journal throws; why the term has ended */
  async wait(): Promise<void> {
    try {
      await this.#latest;
    } catch (thrown) {
      throw askTheNext(thrown);
    }
    // It may have begun, and ended since.
    this.#parts.ended.throwIfAborted();
  }

  async #untilBegun(): Promise<void> {
    const { clock, random, ended, onFailed } = this.#parts;
    const backoff = jitteredBackoff({ ...RETRY, random });
    while (!ended.aborted) {
      try {
        return await this.#latest;
      } catch (thrown) {
        if (ended.aborted) return;
        onFailed(thrown);
        await pause(backoff.next(), clock, ended);
        if (!ended.aborted) this.#latest = this.#try();
      }
    }
  }

  #try(): Promise<void> {
    return Promise.race([this.#leadAndAdopt(), this.#end.promise]);
  }

  async #leadAndAdopt(): Promise<void> {
    const { journal, epoch, adopt, ended } = this.#parts;
    await journal.lead(epoch);
    // Acknowledged too late: whoever leads next adopts.
    ended.throwIfAborted();
    await adopt();
  }
}
