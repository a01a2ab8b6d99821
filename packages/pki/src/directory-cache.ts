import type { Certificate, Clock } from '@mom4c/core';
import { RecentMap } from './recent-map.ts';

type Answer = readonly Certificate[];
/** Times are monotonic. */
type Kept = { readonly answer: Answer; readonly until: number; refreshAt: number };

/** How long an answer is used again, in milliseconds. */
export type Keep = { readonly ms: number /** That there is none. */; readonly nothingMs: number };

/**
 * Answers of the directory by question: bounded, least recently used out first; equal questions in flight are one.
 * What is in use is asked for again when half of its time is over, while the kept answer still serves: so whoever goes
 * on asking waits for the directory once.
 */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #kept: RecentMap<string, Kept>;
  readonly #asked = new Map<string, Promise<Answer>>();
  #refreshes = 0;

  constructor(clock: Clock, capacity = 10_000) {
    this.#clock = clock;
    this.#kept = new RecentMap(capacity);
  }

  /** How many questions were asked ahead, with nobody waiting. */
  get refreshes(): number {
    return this.#refreshes;
  }

  /** An answer is kept at most as long as its certificates are valid. */
  get(question: string, keep: Keep, ask: () => Promise<Answer>): Promise<Answer> {
    const kept = this.#find(question);
    if (!kept) return this.#ask(question, keep, ask);
    if (kept.refreshAt <= this.#clock.monotonic()) this.#refresh(question, kept, keep, ask);
    return Promise.resolve(kept.answer);
  }

  /** Where the directory does not answer, what is kept serves until its time is over. */
  #refresh(question: string, kept: Kept, keep: Keep, ask: () => Promise<Answer>): void {
    kept.refreshAt = this.#clock.monotonic() + keep.ms / 8;
    if (this.#asked.has(question)) return;
    this.#refreshes += 1;
    this.#ask(question, keep, ask).catch(() => {});
  }

  #ask(question: string, keep: Keep, ask: () => Promise<Answer>): Promise<Answer> {
    const asked = this.#asked.get(question);
    if (asked) return asked;
    const asking = ask()
      .then((answer) => this.#keep(question, answer, keep))
      .finally(() => this.#asked.delete(question));
    this.#asked.set(question, asking);
    return asking;
  }

  #find(question: string): Kept | undefined {
    const kept = this.#kept.get(question);
    if (!kept) return undefined;
    const isValid = kept.answer.every(({ notAfter }) => this.#clock.now() < notAfter);
    if (kept.until > this.#clock.monotonic() && isValid) return kept;
    this.#kept.delete(question);
    return undefined;
  }

  #keep(question: string, answer: Answer, { ms, nothingMs }: Keep): Answer {
    const now = this.#clock.monotonic();
    const until = now + (answer.length > 0 ? ms : nothingMs);
    if (until > now) this.#kept.set(question, { answer, until, refreshAt: now + ms / 2 });
    return answer;
  }
}
