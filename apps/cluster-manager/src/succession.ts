/**
 * Standing by, leading, and standing by again: joins the lease (packages/cluster) with the seat of this manager, and makes
 * a term for each time that it leads.
 *
 * INVARIANTS:
 * - One term at a time; the next begins when the one before is closed, also if it had retired.
 * - A term retires only for want of a majority, and for no longer than that lasts as far as this manager knows: one that leads no
 *   more keeps the address for nothing else.
 * - This manager stands only while it reaches room, server and bus, and has followed the journal, but for what is just being
 *   written.
 */
import type { Candidate, HoldingState } from '@mom4c/cluster';
import type { Bus } from '@mom4c/bus';
import type { Epoch, SharedJournal } from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import type { Seat } from './seat.ts';
import type { Term } from './term.ts';

type CandidatePort = Pick<
  Candidate,
  | ('holding' | 'lease' | 'withoutMajority' | 'onChange' | 'onMajority')
  | ('setEligible' | 'setStandbys' | 'holderGone' | 'stop')
>;
export type TermPort = Pick<Term, 'open' | 'close' | 'retire' | 'standbysChanged'>;

/** @typeParam Held a term, as whoever asks for it needs it */
export type SuccessionParts<Held extends TermPort> = {
  readonly name: string;
  readonly member: Pick<Member, 'clock' | 'signal' | 'log' | 'errorOf'>;
  readonly candidate: CandidatePort;
  readonly seat: Pick<Seat, 'connected' | 'hasManager' | 'sayStanding'>;
  readonly bus: Pick<Bus, 'connected' | 'onConnection'>;
  readonly journal: Pick<SharedJournal, 'lag' | 'onLag'>;
  readonly openTerm: (epoch: Epoch) => Held;
};

/** Records that are applied well within a second: so far behind one may be who stands by, and who is about to. Whoever takes
 *  over has all that was written before its `lead` when it begins; and to come to the very end of a log to which others write
 *  without a pause may be too much for a slow machine. */
const MAX_LAG = { ready: 1000, unready: 100 } as const;
const REST_MS = 5_000;

export class Succession<Held extends TermPort = Term> {
  readonly #parts: SuccessionParts<Held>;
  readonly #sayStanding: () => void;
  readonly #whenSettled = Promise.withResolvers<void>();
  readonly #listeners: (() => void)[] = [];
  #term: Held | undefined;
  /** Says why nobody leads. */
  #retired: Held | undefined;
  #work = Promise.resolve();
  #ready = false;
  #resting = false;

  constructor(parts: SuccessionParts<Held>) {
    this.#parts = parts;
    const { candidate, seat, bus, journal } = parts;
    this.#sayStanding = seat.sayStanding(() => ({ ready: this.#ready, lag: journal.lag }));
    candidate.onChange((state) => {
      void this.#then(() => this.#turn(state));
    });
    candidate.onMajority(() => this.consider());
    bus.onConnection(() => this.consider());
    journal.onLag(() => this.consider());
    this.consider();
  }

  /** Calls back whenever a term begins. */
  onTerm(listener: () => void): void {
    this.#listeners.push(listener);
  }

  get term(): Held | undefined {
    return this.#term;
  }

  /** Resolves when this manager leads, or could take over, for the first time. */
  get settled(): Promise<void> {
    return this.#whenSettled.promise;
  }

  /** Something has changed that decides whether this manager may stand, or stay retired. */
  consider(): void {
    const { name, candidate, seat, bus, journal } = this.#parts;
    if (this.#retired && !this.#withoutMajority) void this.#then(() => this.#leaveAddress());
    // What a holder writes itself it need not wait for.
    const followed = journal.lag !== undefined && journal.lag <= MAX_LAG[this.#ready ? 'ready' : 'unready'];
    const follows = this.#term !== undefined || followed;
    const ready = seat.connected && bus.connected && follows && !this.#resting;
    if (ready !== this.#ready) {
      this.#ready = ready;
      this.#sayStanding();
      if (ready && !candidate.holding) this.#parts.member.log.info({}, 'stands by');
    }
    candidate.setEligible(ready);
    if (ready) this.#lookForHolder();
    const holder = candidate.lease?.holder;
    // Another one leads, and this one could take over.
    const another = holder !== undefined && holder !== name && seat.hasManager(holder);
    if (ready && another) this.#whenSettled.resolve();
  }

  managerGone(name: string): void {
    this.#parts.candidate.holderGone(name);
  }

  follow({ manager, standbys }: PayloadOf<'leadership'>): void {
    this.#parts.candidate.setStandbys(standbys);
    this.#parts.member.log.info({ manager, standbys }, 'follows');
    this.consider();
  }

  /** The journal cannot be written, its disk is full say: let somebody else lead, and try again later. What had no outcome
   *  because of it is adopted then. */
  journalFault(): void {
    if (this.#resting) return;
    const { member } = this.#parts;
    member.log.error({}, 'the journal cannot be written: this manager steps down for a while');
    this.#resting = true;
    member.clock.after(REST_MS, () => {
      this.#resting = false;
      if (!member.signal.aborted) this.consider();
    });
    this.consider();
  }

  /** Managers have come, become ready, or gone. */
  standbysChanged(): void {
    this.#term?.standbysChanged();
  }

  async stop(): Promise<void> {
    await this.#parts.candidate.stop();
    await this.#then(() => this.#turn({ holding: false, reason: 'stopped' }));
  }

  /** A holder that was gone before we came is not reported any more; of our own name there is nobody but us. */
  #lookForHolder(): void {
    const { name, candidate, seat } = this.#parts;
    const holder = candidate.lease?.holder;
    if (holder === undefined || candidate.holding) return;
    if (holder === name || !seat.hasManager(holder)) candidate.holderGone(holder);
  }

  async #turn(state: HoldingState): Promise<void> {
    const { member, candidate, openTerm } = this.#parts;
    await this.#leaveAddress();
    const before = this.#term;
    this.#term = undefined;
    if (before) {
      const leftAlone = !state.holding && state.reason === 'lease ran out' && this.#withoutMajority;
      if (leftAlone && (await before.retire())) this.#retired = before;
      else await before.close();
      member.log.info({ retired: this.#retired !== undefined }, 'does not lead any more');
    }
    // It may have been lost again meanwhile.
    if (!state.holding || !candidate.holding) return this.consider();
    this.#term = openTerm(state.epoch);
    for (const listener of this.#listeners) listener();
    this.#term.open.then(this.#whenSettled.resolve, () => {});
  }

  /** Who does not reach the bus knows nothing of majorities. */
  get #withoutMajority(): boolean {
    const { candidate, bus } = this.#parts;
    return bus.connected && candidate.withoutMajority;
  }

  async #leaveAddress(): Promise<void> {
    const retired = this.#retired;
    this.#retired = undefined;
    await retired?.close();
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch((thrown: unknown) => {
      const { code, detail } = this.#parts.member.errorOf(thrown);
      this.#parts.member.log.error({ code, detail }, 'a change of leadership failed');
    });
    return this.#work;
  }
}
