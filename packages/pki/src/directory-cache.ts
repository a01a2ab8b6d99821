import type { Certificate, Clock } from '@mom4c/core';

type Answer = readonly Certificate[];
type Kept = { readonly answer: Answer /** Monotonic. */; readonly until: number };

/** Answers of the directory by question: bounded, least recently used out first; equal questions in flight are one. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #capacity: number;
  /** In the order of last use. */
  readonly #kept = new Map<string, Kept>();
  readonly #asked = new Map<string, Promise<Answer>>();

  constructor(clock: Clock, capacity = 10_000) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** @param keepMs how long an answer is kept, at most as long as its certificates are valid
   *  @param keepNothingMs how long it is kept that there are none */
  get(question: string, keepMs: number, keepNothingMs: number, ask: () => Promise<Answer>): Promise<Answer> {
    const kept = this.#find(question);
    if (kept) return Promise.resolve(kept);
    const asked = this.#asked.get(question);
    if (asked) return asked;
    const asking = ask()
      .then((answer) => this.#keep(question, answer, answer.length > 0 ? keepMs : keepNothingMs))
      .finally(() => this.#asked.delete(question));
    this.#asked.set(question, asking);
    return asking;
  }

  #find(question: string): Answer | undefined {
    const kept = this.#kept.get(question);
    if (!kept) return undefined;
    this.#kept.delete(question);
    const isValid = kept.answer.every(({ notAfter }) => this.#clock.now() < notAfter);
    if (kept.until <= this.#clock.monotonic() || !isValid) return undefined;
    this.#kept.set(question, kept);
    return kept.answer;
  }

  #keep(question: string, answer: Answer, keepMs: number): Answer {
    if (keepMs <= 0) return answer;
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= this.#capacity && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(question, { answer, until: this.#clock.monotonic() + keepMs });
    return answer;
  }
}
