/**
 * One manager that stands for the leader lease, over the ports Clock and LeaseStore. See docs/adr/0025.
 *
 * INVARIANTS:
 * - `holding` only after an acknowledged write of this instance, and at most five sixths of the lease after the beginning of
 *   the last one, on the monotonic clock, which is looked at on each reading. A process that was stopped wakes up without it.
 * - Nothing else makes the lease longer: neither a write that may have happened nor an entry that was read.
 * - Whoever takes it writes over the very revision that it judged; somebody who renewed meanwhile is not deposed.
 * - Holding ends at once when anything of somebody else is seen, and never comes back under the same epoch.
 * - Nothing is written over a record of a higher generation, nor where the next revision would make an epoch that was there
 *   before: the store was lost, and the authority has not raised the generation.
 * What the monotonic clock does not count (the machine was suspended) is the fence's: task executors refuse the old epoch.
 */
import { Mom4cError, compareEpochs, epochOf } from '@mom4c/core';
import type { Clock, Epoch, LeaseEntry, LeaseRecord, LeaseStore, Log } from '@mom4c/core';

export type CandidateOptions = {
  name: string;
  /** Random, of this process. */
  instance: string;
  store: LeaseStore;
  clock: Pick<Clock, 'monotonic' | 'after'>;
  log: Log;
  /** The highest that the authority has stated. */
  generation: () => number;
  /** The highest epoch that the log has opened. */
  opened: () => Epoch | undefined;
  leaseMs?: number;
  staggerMs?: number;
};

export type HoldingState = { holding: true; epoch: Epoch } | { holding: false; reason: LossReason };
export type LossReason =
  | 'lease ran out'
  | 'deposed'
  | 'not eligible'
  | 'generation raised'
  | 'handed over'
  | 'resigned'
  | 'stopped';

/** What this candidate knows of the lease. */
export type KnownLease = {
  /** Absent: it was given back. */
  holder?: string | undefined;
  epoch: Epoch;
  successor?: string | undefined;
  /** Milliseconds since the last write was seen. */
  ageMs: number;
};

const LEASE_MS = 12_000;
const STAGGER_MS = 150;
/** In staggers: how long a lease that was given back waits for the successor that was named. */
const SUCCESSOR_TURNS = 10;

type Known = { entry: LeaseEntry; seenAt: number };
type Tenure = { epoch: Epoch; until: number; renewAt: number };
type Leave = { successor?: string | undefined; until: number; settled: PromiseWithResolvers<void> };
type Step = { at: number; run: () => Promise<void> };

export class Candidate {
  readonly #options: CandidateOptions;
  readonly #leaseMs: number;
  readonly #staggerMs: number;
  readonly #listeners = new Set<(state: HoldingState) => void>();
  #standing = false;
  #eligible = false;
  #standbys: readonly string[] = [];
  #known: Known | undefined;
  #held: Tenure | undefined;
  /** Whose session is gone, by the room, and since when that is known. */
  #gone: { epoch: Epoch; at: number } | undefined;
  #leave: Leave | undefined;
  /** What stands there may differ from what is known. */
  #unread = true;
  /** Over which a write was refused. */
  #refused: number | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #saidOutdated: number | undefined;
  #busy = false;
  #cancelStep = (): void => {};
  #cancelEnd = (): void => {};
  #unwatch = (): void => {};

  constructor(options: CandidateOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#staggerMs = options.staggerMs ?? STAGGER_MS;
  }

  /** May this process command now? To be asked right before anything is sent. */
  get holding(): boolean {
    return this.#held !== undefined && this.#now() < this.#held.until;
  }

  /** While holding. */
  get epoch(): Epoch | undefined {
    return this.holding ? this.#held!.epoch : undefined;
  }

  get lease(): KnownLease | undefined {
    if (!this.#known) return undefined;
    const { entry, seenAt } = this.#known;
    const { holder, successor } = entry.record;
    return { holder, epoch: epochOf(entry), successor, ageMs: this.#now() - seenAt };
  }

  onChange(listener: (state: HoldingState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to watch, and to stand as soon as it is eligible. */
  start(): void {
    this.#standing = true;
    this.#unwatch = this.#options.store.watch((entry) => {
      this.#see(entry);
      this.#step();
    });
    this.#step();
  }

  /** Logged in, in the room, on the bus, and the log followed to its end? A holder that is not gives the lease back. */
  setEligible(eligible: boolean): void {
    this.#eligible = eligible;
    if (!eligible) this.#lose('not eligible');
    this.#step();
  }

  /** In the order that the holder has named. Whoever is not named comes after all of them. */
  setStandbys(names: readonly string[]): void {
    this.#standbys = [...names];
    this.#step();
  }

  /** The room says so. A process that was restarted says it of its own name: its session has replaced the old one. */
  holderGone(name: string): void {
    const at = this.#now();
    if (this.#markGone(name, at)) return this.#step();
    // He may have taken it just now.
    const { store } = this.#options;
    this.#bounded(store.read()).then(
      (entry) => {
        if (entry) this.#see(entry);
        this.#markGone(name, at);
        this.#step();
      },
      () => {},
    );
  }

  /** Gives the lease back in favour of another manager. If that one does not take it soon, others may, this one too.
   *  @throws Mom4cError M4C_NO_MANAGER (this one does not hold it); what the store throws: it has to run out */
  async handOver(successor: string): Promise<void> {
    if (!this.holding)
      throw new Mom4cError('M4C_NO_MANAGER', `${this.#options.name} does not hold the lease`);
    await this.#giveUp('handed over', successor);
  }

  /** Gives the lease back, if it holds it, and stands by. @throws what the store throws: it has to run out */
  async resign(): Promise<void> {
    await this.#giveUp('resigned');
  }

  /** Stands no longer; gives the lease back if that is possible, else it has to run out. */
  async stop(): Promise<void> {
    if (!this.#standing) return;
    this.#standing = false;
    await this.#giveUp('stopped').catch(() => {});
    this.#unwatch();
  }

  /** One thing at a time: whatever happens leads here, and what is to be done follows from what is known. */
  #step(): void {
    this.#cancelStep();
    if (this.#busy) return;
    // Its timer may be late.
    if (this.#held && !this.holding) this.#lose('lease ran out');
    if (this.#held && this.#options.generation() > this.#held.epoch.generation)
      this.#lose('generation raised');
    this.#settleLeave();
    const next = this.#next();
    if (!next) return;
    const wait = next.at - this.#now();
    if (wait > 0) {
      if (wait === Number.POSITIVE_INFINITY) this.#sayOutdated();
      // The generation may be raised, and nobody calls back for that.
      this.#cancelStep = this.#options.clock.after(Math.min(wait, this.#leaseMs / 3), () => this.#step());
      return;
    }
    this.#busy = true;
    next
      .run()
      .then(
        () => {
          this.#failure = undefined;
        },
        (thrown: unknown) => this.#failed(thrown),
      )
      .finally(() => {
        this.#busy = false;
        this.#step();
      });
  }

  #next(): Step | undefined {
    if (!this.#standing && !this.#leave) return undefined;
    if (this.#unread) return { at: this.#notBefore, run: () => this.#read() };
    const held = this.#held;
    if (held) return { at: Math.max(held.renewAt, this.#notBefore), run: () => this.#renew(held) };
    if (this.#wanted) return { at: Math.max(this.#takeAt(), this.#notBefore), run: () => this.#take() };
    const known = this.#known;
    if (!known || !this.#isOwn(known.entry.record)) return undefined;
    const over = this.#now() >= known.seenAt + this.#leaseMs;
    if (over && !this.#leave) return undefined;
    return { at: this.#notBefore, run: () => this.#giveBack(known.entry) };
  }

  get #wanted(): boolean {
    return this.#standing && this.#eligible && !this.#leave;
  }

  /** By the monotonic clock; what has happened meanwhile shows in the compare-and-set. */
  #takeAt(): number {
    if (this.#outdated) return Number.POSITIVE_INFINITY;
    if (!this.#known) return Number.NEGATIVE_INFINITY;
    const { entry, seenAt } = this.#known;
    const { record } = entry;
    const { name } = this.#options;
    if (this.#isOwn(record)) return Number.NEGATIVE_INFINITY;
    const rank = this.#standbys.indexOf(name);
    const turn = (rank < 0 ? this.#standbys.length : rank) * this.#staggerMs;
    if (record.holder === undefined) {
      if (record.successor === name) return Number.NEGATIVE_INFINITY;
      return seenAt + turn + (record.successor === undefined ? 0 : SUCCESSOR_TURNS * this.#staggerMs);
    }
    const end = seenAt + this.#leaseMs;
    const gone = this.#gone && compareEpochs(this.#gone.epoch, epochOf(entry)) === 0;
    return gone ? Math.min(end, this.#gone!.at + turn) : end;
  }

  /** Until the authority raises the generation, or its word arrives here. */
  get #outdated(): boolean {
    const { entry } = this.#known ?? {};
    const generation = this.#options.generation();
    if (entry && entry.record.generation > generation) return true;
    const opened = this.#options.opened();
    return (
      opened !== undefined && compareEpochs({ generation, revision: (entry?.revision ?? 0) + 1 }, opened) <= 0
    );
  }

  async #read(): Promise<void> {
    const { store, generation } = this.#options;
    const entry = await this.#bounded(store.read());
    this.#unread = false;
    const before = this.#known?.entry;
    // The store was made anew. Under the old generation its revisions would make an epoch that was there before.
    const isAnew =
      before && (entry?.revision ?? 0) < before.revision && before.record.generation < generation();
    if (isAnew) this.#known = undefined;
    if (entry) this.#see(entry);
    // What was refused a moment ago would be again.
    if (this.#refused !== undefined && this.#known?.entry.revision === this.#refused) this.#postpone();
    this.#refused = undefined;
  }

  async #take(): Promise<void> {
    const { name, instance, generation } = this.#options;
    const startedAt = this.#now();
    const record = { holder: name, instance, generation: generation() };
    const revision = await this.#write(record, this.#known?.entry.revision ?? 0);
    if (revision === undefined) return;
    this.#see({ revision, record });
    const epoch = epochOf({ revision, record });
    // Somebody may have taken it from us before we heard that it was ours.
    if (!this.#stands(epoch) || !this.#wanted || !this.#hold(epoch, startedAt)) return;
    this.#options.log.info({ epoch }, 'took the lease');
    this.#tell({ holding: true, epoch });
  }

  async #renew(held: Tenure): Promise<void> {
    const { name, instance } = this.#options;
    const { generation, revision: acquired } = held.epoch;
    const startedAt = this.#now();
    const record = { holder: name, instance, generation, acquired };
    const revision = await this.#write(record, this.#known!.entry.revision);
    if (revision === undefined) return;
    this.#see({ revision, record });
    // Lost meanwhile, even if nothing has told us yet: it has to be taken anew.
    if (this.#held === held && this.holding) this.#hold(held.epoch, startedAt);
  }

  async #giveBack({ revision, record: { acquired, generation } }: LeaseEntry): Promise<void> {
    const { instance } = this.#options;
    const record = {
      instance,
      generation,
      acquired: acquired ?? revision,
      successor: this.#leave?.successor,
    };
    const written = await this.#write(record, revision);
    if (written !== undefined) this.#see({ revision: written, record });
  }

  /** @returns undefined if something else stands there, which is read next */
  async #write(record: LeaseRecord, expected: number): Promise<number | undefined> {
    this.#unread = true;
    const revision = await this.#bounded(this.#options.store.write(record, expected));
    this.#unread = revision === undefined;
    if (this.#unread) this.#refused = expected;
    return revision;
  }

  #see(entry: LeaseEntry): void {
    if (this.#known && compare(entry, this.#known.entry) <= 0) return;
    this.#known = { entry, seenAt: this.#now() };
    if (this.#held && !this.#stands(this.#held.epoch)) this.#lose('deposed');
  }

  /** Is what is known a record of this instance under this epoch? */
  #stands(epoch: Epoch): boolean {
    const { entry } = this.#known!;
    return this.#isOwn(entry.record) && compareEpochs(epochOf(entry), epoch) === 0;
  }

  #isOwn({ holder, instance }: LeaseRecord): boolean {
    return holder === this.#options.name && instance === this.#options.instance;
  }

  /** @param startedAt when the write began @returns false if it took too long */
  #hold(epoch: Epoch, startedAt: number): boolean {
    const until = startedAt + (this.#leaseMs * 5) / 6;
    const left = until - this.#now();
    if (left <= 0) return false;
    this.#held = { epoch, until, renewAt: startedAt + this.#leaseMs / 3 };
    this.#cancelEnd();
    this.#cancelEnd = this.#options.clock.after(left, () => {
      this.#lose('lease ran out');
      this.#step();
    });
    return true;
  }

  #lose(reason: LossReason): void {
    if (!this.#held) return;
    this.#options.log.warn({ epoch: this.#held.epoch, reason }, 'does not hold the lease any more');
    this.#held = undefined;
    this.#cancelEnd();
    this.#tell({ holding: false, reason });
  }

  #sayOutdated(): void {
    const generation = this.#options.generation();
    if (this.#saidOutdated === generation) return;
    this.#saidOutdated = generation;
    this.#options.log.warn(
      { generation, lease: this.lease },
      'the lease cannot be taken under this generation',
    );
  }

  #tell(state: HoldingState): void {
    for (const listener of this.#listeners) listener(state);
  }

  #giveUp(reason: LossReason, successor?: string): Promise<void> {
    this.#leave?.settled.reject(new Mom4cError('M4C_STOPPED', reason));
    const settled = Promise.withResolvers<void>();
    this.#leave = { successor, until: this.#now() + this.#leaseMs / 3, settled };
    this.#lose(reason);
    this.#step();
    return settled.promise;
  }

  /** Nothing is under way now. */
  #settleLeave(): void {
    if (!this.#leave) return;
    const { until, settled } = this.#leave;
    const given = !this.#unread && !(this.#known && this.#isOwn(this.#known.entry.record));
    if (!given && this.#now() < until) return;
    this.#leave = undefined;
    if (given) settled.resolve();
    else
      settled.reject(this.#failure ?? new Mom4cError('M4C_TIMEOUT', 'the lease was not given back in time'));
  }

  #markGone(name: string, at: number): boolean {
    const { entry } = this.#known ?? {};
    if (entry?.record.holder !== name) return false;
    this.#gone = { epoch: epochOf(entry), at };
    return true;
  }

  #failed(thrown: unknown): void {
    const { code, detail } = thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL');
    const { log } = this.#options;
    // A store that is away is asked twice a second.
    if (this.#failure === undefined || code === 'M4C_INTERNAL')
      log.warn({ code, detail, err: thrown }, 'the lease cannot be reached');
    this.#failure = thrown;
    this.#postpone();
  }

  #postpone(): void {
    this.#notBefore = this.#now() + this.#leaseMs / 24;
  }

  /** A store that does not answer at all is as one that cannot be reached: there is time for a second try. */
  #bounded<Value>(work: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const limit = this.#leaseMs / 6;
      const cancel = this.#options.clock.after(limit, () =>
        reject(new Mom4cError('M4C_BUS_UNREACHABLE', `no answer about the lease within ${limit} ms`)),
      );
      work.then(resolve, reject).finally(cancel);
    });
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

/** A store that was made anew counts from the beginning, under a higher generation. */
function compare(a: LeaseEntry, b: LeaseEntry): number {
  return a.record.generation - b.record.generation || a.revision - b.revision;
}
