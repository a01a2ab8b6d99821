/** The lease's store as a candidate uses it: each call in bounded time, and a memory of what went wrong. */
import { Mom4cError } from '@mom4c/core';
import type { Clock, LeaseEntry, LeaseRecord, LeaseStore, Log } from '@mom4c/core';

export type StoreAccessOptions = {
  store: LeaseStore;
  clock: Pick<Clock, 'monotonic' | 'after'>;
  log: Log;
  leaseMs: number;
};

/** How long a candidate waits for an answer of its store: there is time for a second try. */
export function storeLimitMs(leaseMs: number): number {
  return leaseMs / 6;
}

export class StoreAccess {
  readonly #options: StoreAccessOptions;
  /** What stands there may differ from what is known. */
  unread = true;
  /** On the monotonic clock: not to be asked before. */
  notBefore = Number.NEGATIVE_INFINITY;
  /** Of the last call, if it failed. */
  failure: unknown;
  /** A call failed for want of one, and no write has been done since. That something was read, or a write refused, shows no
   *  majority: a leader that is left alone answers from its own copy for a while. */
  withoutMajority = false;
  /** Over which a write was refused. */
  #refused: number | undefined;

  constructor(options: StoreAccessOptions) {
    this.#options = options;
  }

  /** @returns what stands there, and the revision over which a write was refused just before */
  async read(): Promise<{ entry: LeaseEntry | undefined; refused: number | undefined }> {
    const entry = await this.look();
    this.unread = false;
    const refused = this.#refused;
    this.#refused = undefined;
    return { entry, refused };
  }

  /** The same, by the way. */
  look(): Promise<LeaseEntry | undefined> {
    return this.#bounded(this.#options.store.read());
  }

  /** @returns undefined if something else stands there, which is to be read next */
  async write(record: LeaseRecord, expected: number): Promise<number | undefined> {
    this.unread = true;
    const revision = await this.#bounded(this.#options.store.write(record, expected));
    this.unread = revision === undefined;
    if (this.unread) this.#refused = expected;
    else this.withoutMajority = false;
    return revision;
  }

  succeeded(): void {
    this.failure = undefined;
  }

  failed(thrown: unknown): void {
    const { code, detail } = thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL');
    // A store that is away is asked twice a second.
    if (this.failure === undefined || code === 'M4C_INTERNAL')
      this.#options.log.warn({ code, detail, err: thrown }, 'the lease cannot be reached');
    this.failure = thrown;
    if (code === 'M4C_NO_QUORUM') this.withoutMajority = true;
    this.postpone();
  }

  postpone(): void {
    const { clock, leaseMs } = this.#options;
    this.notBefore = clock.monotonic() + leaseMs / 24;
  }

  /** A store that does not answer at all is as one that cannot be reached. One that knows what silence means says so first: it
   *  has the same limit, and sets it before. */
  #bounded<Value>(work: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const limit = storeLimitMs(this.#options.leaseMs);
      const cancel = this.#options.clock.after(limit, () =>
        reject(new Mom4cError('M4C_BUS_UNREACHABLE', `no answer about the lease within ${limit} ms`)),
      );
      work.then(resolve, reject).finally(cancel);
    });
  }
}
