/**
 * One manager that stands for the leader lease, over the ports Clock and LeaseStore. See docs/adr/0025 and 0027.
 *
 * INVARIANTS:
 * - `holding` only after an acknowledged write of this instance, and at most five sixths of the lease after the beginning of
 *   the last one, on the monotonic clock, which is looked at on each reading. A process that was stopped wakes up without it.
 * - Nothing else makes the lease longer: neither a write that may have happened nor an entry that was read.
 * - Whoever takes it writes over the very revision that it judged; somebody who renewed meanwhile is not deposed.
 * - Holding ends at once when anything of somebody else is seen, or when the log has opened a higher epoch or this one for
 *   somebody else, and never comes back under the same epoch.
 * - Nothing is written over a record of a higher generation, nor into a store that is empty and was not: it was lost, and the
 *   authority has not raised the generation.
 * What the monotonic clock does not count (the machine was suspended) is the fence's: task executors refuse the old epoch.
 */
import { Mom4cError, epochOf } from '@mom4c/core';
import type { Clock, Epoch, LeaseEntry, LeaseStore, Led, Log } from '@mom4c/core';
import { LeaseView } from './lease-view.ts';
import { StoreAccess } from './store-access.ts';
import { Tenure } from './tenure.ts';
import type { HoldingState, LossReason } from './tenure.ts';

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
  opened: () => Led | undefined;
  leaseMs?: number;
  staggerMs?: number;
};

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

type Leave = { successor?: string | undefined; until: number; settled: PromiseWithResolvers<void> };
type Step = { at: number; run: () => Promise<void> };

export class Candidate {
  readonly #options: CandidateOptions;
  readonly #leaseMs: number;
  readonly #view: LeaseView;
  readonly #tenure: Tenure;
  readonly #access: StoreAccess;
  #standing = false;
  #eligible = false;
  #standbys: readonly string[] = [];
  #leave: Leave | undefined;
  #saidOutdated: number | undefined;
  #busy = false;
  #wasWithoutMajority = false;
  readonly #majorityListeners = new Set<() => void>();
  #cancelStep = (): void => {};
  #unwatch = (): void => {};

  constructor(options: CandidateOptions) {
    const { leaseMs = LEASE_MS, staggerMs = STAGGER_MS } = options;
    this.#options = options;
    this.#leaseMs = leaseMs;
    this.#view = new LeaseView({ ...options, now: () => this.#now(), leaseMs, staggerMs });
    this.#tenure = new Tenure({ ...options, leaseMs, onEnd: () => this.#step() });
    this.#access = new StoreAccess({ ...options, leaseMs });
  }

  /** May this process command now? To be asked right before anything is sent. */
  get holding(): boolean {
    return this.#tenure.holding;
  }

  /** While holding. */
  get epoch(): Epoch | undefined {
    return this.holding ? this.#tenure.held!.epoch : undefined;
  }

  get lease(): KnownLease | undefined {
    const { entry, seenAt } = this.#view;
    if (!entry || seenAt === undefined) return undefined;
    const { holder, successor } = entry.record;
    return { holder, epoch: epochOf(entry.record), successor, ageMs: this.#now() - seenAt };
  }

  /** This one had the lease last, and nobody can take it: there is no majority. Over when it is known that somebody could write. */
  get withoutMajority(): boolean {
    const { entry } = this.#view;
    return this.#access.withoutMajority && entry !== undefined && this.#view.isOwn(entry.record);
  }

  /** Calls back when `withoutMajority` is over. */
  onMajority(listener: () => void): () => void {
    this.#majorityListeners.add(listener);
    return () => this.#majorityListeners.delete(listener);
  }

  onChange(listener: (state: HoldingState) => void): () => void {
    return this.#tenure.onChange(listener);
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

  /** Logged in, in the room, on the bus, and the log followed? A holder that is not gives the lease back. */
  setEligible(eligible: boolean): void {
    this.#eligible = eligible;
    if (!eligible) this.#tenure.lose('not eligible');
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
    if (this.#view.markGone(name, at)) return this.#step();
    // He may have taken it just now.
    this.#access.look().then(
      (entry) => {
        if (entry) this.#see(entry);
        this.#view.markGone(name, at);
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
    this.#tellMajority();
    this.#cancelStep();
    if (this.#busy) return;
    this.#endLost();
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
        () => this.#access.succeeded(),
        (thrown: unknown) => this.#access.failed(thrown),
      )
      .finally(() => {
        this.#busy = false;
        this.#step();
      });
  }

  #tellMajority(): void {
    const was = this.#wasWithoutMajority;
    this.#wasWithoutMajority = this.withoutMajority;
    if (was && !this.#wasWithoutMajority) for (const listener of this.#majorityListeners) listener();
  }

  #endLost(): void {
    const { held } = this.#tenure;
    if (!held) return;
    // Its timer may be late.
    if (!this.holding) this.#tenure.lose('lease ran out');
    else if (this.#options.generation() > held.epoch.generation) this.#tenure.lose('generation raised');
    else if (this.#view.isOvertaken(held.epoch)) this.#tenure.lose('deposed');
  }

  #next(): Step | undefined {
    if (!this.#standing && !this.#leave) return undefined;
    const { notBefore, unread } = this.#access;
    if (unread) return { at: notBefore, run: () => this.#read() };
    const { held } = this.#tenure;
    if (held) return { at: Math.max(held.renewAt, notBefore), run: () => this.#renew(held.epoch) };
    // Only a write shows that there is a majority again; whoever may not take the lease gives it back.
    const { withoutMajority } = this;
    if (this.#wanted && !(withoutMajority && this.#view.isOutdated))
      return { at: Math.max(this.#view.takeAt(this.#standbys), notBefore), run: () => this.#take() };
    const { entry, seenAt } = this.#view;
    if (!entry || !this.#view.isOwn(entry.record)) return undefined;
    if (!this.#leave && !withoutMajority && this.#now() >= seenAt! + this.#leaseMs) return undefined;
    return { at: notBefore, run: () => this.#giveBack(entry) };
  }

  get #wanted(): boolean {
    return this.#standing && this.#eligible && !this.#leave;
  }

  async #read(): Promise<void> {
    const { entry, refused } = await this.#access.read();
    const known = this.#view.entry?.revision;
    if (known !== undefined && known === refused) this.#view.correct(entry);
    else if (entry) this.#view.see(entry);
    this.#checkStanding();
    // What was refused a moment ago would be again.
    if (refused !== undefined && this.#view.entry?.revision === refused) this.#access.postpone();
  }

  async #take(): Promise<void> {
    const { name, instance } = this.#options;
    const startedAt = this.#now();
    const epoch = this.#view.nextEpoch;
    const record = { holder: name, instance, generation: epoch.generation, acquired: epoch.counter };
    const revision = await this.#access.write(record, this.#view.entry?.revision ?? 0);
    if (revision === undefined) return;
    this.#see({ revision, record });
    // Somebody may have taken it from us before we heard that it was ours.
    if (this.#view.stands(epoch) && this.#wanted) this.#tenure.begin(epoch, startedAt);
  }

  async #renew(epoch: Epoch): Promise<void> {
    const { name, instance } = this.#options;
    const { generation, counter: acquired } = epoch;
    const startedAt = this.#now();
    const record = { holder: name, instance, generation, acquired };
    const revision = await this.#access.write(record, this.#view.entry!.revision);
    if (revision === undefined) return;
    this.#see({ revision, record });
    // Lost meanwhile, even if nothing has told us yet: it has to be taken anew.
    if (this.epoch === epoch) this.#tenure.extend(startedAt);
  }

  async #giveBack({ revision, record: { acquired, generation } }: LeaseEntry): Promise<void> {
    const { instance } = this.#options;
    const record = { instance, generation, acquired, successor: this.#leave?.successor };
    const written = await this.#access.write(record, revision);
    if (written !== undefined) this.#see({ revision: written, record });
  }

  #see(entry: LeaseEntry): void {
    if (this.#view.see(entry)) this.#checkStanding();
  }

  #checkStanding(): void {
    const { held } = this.#tenure;
    if (held && !this.#view.stands(held.epoch)) this.#tenure.lose('deposed');
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

  #giveUp(reason: LossReason, successor?: string): Promise<void> {
    this.#leave?.settled.reject(new Mom4cError('M4C_STOPPED', reason));
    const settled = Promise.withResolvers<void>();
    this.#leave = { successor, until: this.#now() + this.#leaseMs / 3, settled };
    this.#tenure.lose(reason);
    this.#step();
    return settled.promise;
  }

  /** Nothing is under way now. */
  #settleLeave(): void {
    if (!this.#leave) return;
    const { until, settled } = this.#leave;
    const { entry } = this.#view;
    const given = !this.#access.unread && !(entry && this.#view.isOwn(entry.record));
    if (!given && this.#now() < until) return;
    this.#leave = undefined;
    if (given) settled.resolve();
    else
      settled.reject(
        this.#access.failure ?? new Mom4cError('M4C_TIMEOUT', 'the lease was not given back in time'),
      );
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}
