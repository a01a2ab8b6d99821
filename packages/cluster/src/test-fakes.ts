/** Time that a test moves, and a lease store in memory whose answers a test can lose. */
import { Mom4cError } from '@mom4c/core';
import type { Clock, LeaseEntry, LeaseRecord, LeaseStore } from '@mom4c/core';

export class FakeTime implements Clock {
  #time = 1000;
  #wall = Date.UTC(2026, 0, 1);
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#time + Math.max(0, ms), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  jumpWall(ms: number): void {
    this.#wall += ms;
  }

  /** Whatever is due comes in order, each with all that follows from it at once. */
  async advance(ms: number): Promise<void> {
    const end = this.#time + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#time = Math.max(this.#time, next.at);
      next.callback();
      await settle();
    }
    this.#time = end;
  }

  /** As SIGSTOP and SIGCONT do: time has passed, and no timer has fired yet. */
  sleep(ms: number): void {
    this.#time += ms;
  }
}

export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** What becomes of one call. Of what is held back, `release` lets it be done, or lets the answer come. `left alone`: a leader without
 *  a majority, which reads from its own copy and is silent about a write; `refused`: one that says that another is under way. */
export type Fate =
  | 'answered'
  | 'answer lost'
  | 'answer held back'
  | 'not done'
  | 'held back'
  | 'silent'
  | 'left alone'
  | 'refused';

export class FakeLeaseStore {
  readonly #time: FakeTime;
  readonly #limitMs: number;
  entry: LeaseEntry | undefined;
  #revision = 0;
  #heldBack: (() => void)[] = [];
  readonly #watchers = new Set<{ of: string; listener: (entry: LeaseEntry) => void }>();
  /** Per manager; `answered` if none is set. */
  readonly fates = new Map<string, Fate>();
  /** Who hears of no write. */
  readonly deaf = new Set<string>();
  readonly writes: { by: string; record: LeaseRecord; expected: number }[] = [];

  /** @param limitMs whoever asks hears after so long what silence means */
  constructor(time: FakeTime, limitMs: number) {
    this.#time = time;
    this.#limitMs = limitMs;
  }

  /** The view that one manager has of it. */
  portOf(by: string): LeaseStore {
    return {
      read: () => this.#call(by, () => this.entry),
      write: (record, expected) => {
        this.writes.push({ by, record, expected });
        const fate = this.fates.get(by);
        if (fate === 'left alone') return this.#silence();
        if (fate === 'refused') return Promise.resolve(undefined);
        return this.#call(by, () => this.#compareAndSet(record, expected));
      },
      watch: (listener) => {
        const watcher = { of: by, listener };
        this.#watchers.add(watcher);
        return () => this.#watchers.delete(watcher);
      },
    };
  }

  release(): void {
    for (const go of this.#heldBack.splice(0)) go();
  }

  /** The bucket was made anew. */
  empty(): void {
    this.entry = undefined;
    this.#revision = 0;
  }

  /** Its last writes are lost, and its revisions go on from an earlier one. */
  fallBack(entry: LeaseEntry): void {
    this.entry = entry;
    this.#revision = entry.revision;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Everybody hears of a write once more. */
  repeat(entry: LeaseEntry): void {
    for (const { listener } of this.#watchers) listener(entry);
  }

  #released(): Promise<void> {
    return new Promise((resolve) => {
      this.#heldBack.push(resolve);
    });
  }

  #silence(): Promise<never> {
    return new Promise((_, reject) => {
      this.#time.after(this.#limitMs, () => reject(new Mom4cError('M4C_NO_QUORUM')));
    });
  }

  async #call<Value>(by: string, work: () => Value): Promise<Value> {
    const fate = this.fates.get(by) ?? 'answered';
    if (fate === 'held back') await this.#released();
    if (fate === 'silent') return this.#silence();
    if (fate === 'not done') throw new Mom4cError('M4C_NO_QUORUM');
    const value = work();
    if (fate === 'answer held back') await this.#released();
    if (fate === 'answer lost') throw new Mom4cError('M4C_BUS_UNREACHABLE');
    return value;
  }

  #compareAndSet(record: LeaseRecord, expected: number): number | undefined {
    if ((this.entry?.revision ?? 0) !== expected) return undefined;
    this.#revision += 1;
    const entry = { revision: this.#revision, record };
    this.entry = entry;
    for (const { of, listener } of this.#watchers)
      if (!this.deaf.has(of)) queueMicrotask(() => listener(entry));
    return entry.revision;
  }
}
