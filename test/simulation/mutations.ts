/** Each rule broken once, as a change of the text that the simulation runs; it has to find every one of them. */
export type Mutation = {
  readonly name: string;
  /** The end of its path. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Where to begin, for what shows in one of hundreds of seeds only. */
  readonly first?: number;
};

const CANDIDATE = 'packages/cluster/src/candidate.ts';
const VIEW = 'packages/cluster/src/lease-view.ts';
const TENURE = 'packages/cluster/src/tenure.ts';
const RECORD = 'apps/task-executor/src/execution-record.ts';
const PENDING = 'apps/cluster-manager/src/pending-command.ts';
const BEGINNING = 'apps/cluster-manager/src/beginning.ts';
const TIME_LEFT = 'apps/cluster-manager/src/time-left.ts';
const RULES = 'packages/core/src/journal-rules.ts';
const JOURNAL = 'test/simulation/journal.ts';
const MANAGER = 'test/simulation/manager.ts';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the end of the lease is left to a timer',
    file: TENURE,
    from: 'this.#held !== undefined && this.#options.clock.monotonic() < this.#held.until;',
    to: 'this.#held !== undefined;',
  },
  {
    name: 'a renewal counts from after its write',
    file: CANDIDATE,
    from: 'this.#tenure.extend(startedAt)',
    to: 'this.#tenure.extend(this.#now())',
  },
  {
    name: 'epochs are the revisions of the store, which loses its last ones',
    file: CANDIDATE,
    from: 'const epoch = this.#view.nextEpoch;',
    to: 'const epoch = { ...this.#view.nextEpoch, counter: (this.#view.entry?.revision ?? 0) + 1 };',
  },
  {
    name: 'an epoch is counted from what the store says alone',
    file: VIEW,
    from: 'return higher(this.#highest, this.#options.opened()?.epoch);',
    to: 'return this.#known && epochOf(this.#known.entry.record);',
  },
  {
    name: 'who holds an epoch that the log has opened for somebody else goes on',
    file: VIEW,
    from: 'return order > 0 || (order === 0 && opened.manager !== this.#options.name);',
    to: 'return false;',
    first: 4390,
  },
  {
    name: 'what the store has lost is stood by',
    file: CANDIDATE,
    from: 'if (known !== undefined && known === refused) this.#view.correct(entry);',
    to: 'if (false) this.#view.correct(entry);',
  },
  {
    name: 'a store that failed is not asked again',
    file: 'packages/cluster/src/store-access.ts',
    from: 'this.notBefore = clock.monotonic() + leaseMs / 24;',
    to: 'this.notBefore = Number.POSITIVE_INFINITY;',
  },
  {
    name: 'a holder that holds no more goes on',
    file: MANAGER,
    from: 'return !this.#closed && this.#manager.candidate.holding;',
    to: 'return true;',
    first: 140,
  },
  {
    name: 'an older statement of the generation comes late and counts',
    file: MANAGER,
    from: 'Math.max(this.#generation, generation)',
    to: 'generation',
    first: 630,
  },
  {
    name: 'a manager leads before its lead is in the log',
    file: BEGINNING,
    from: 'await journal.lead(epoch);',
    to: 'journal.lead(epoch).catch(() => {});',
  },
  {
    name: 'what comes while lead is written does not wait for it',
    file: BEGINNING,
    from: 'try {\n      await this.#latest;',
    to: 'try {',
  },
  {
    name: 'what waits for lead is accepted before it is in the log',
    file: MANAGER,
    from: 'await this.#beginning.wait();',
    to: "if (waits) return void this.#beginning.wait().then(() => this.#accept(request), () => {}) ?? 'accepted';",
  },
  {
    name: 'who waits for a lead that fails goes on',
    file: BEGINNING,
    from: 'throw askTheNext(thrown);',
    to: '',
    first: 40,
  },
  {
    name: 'whoever asks a deposed manager is told not to ask again',
    file: 'apps/cluster-manager/src/ask-the-next.ts',
    from: 'if (!(thrown instanceof Mom4cError) || !REPLACED.includes(thrown.code)) return thrown;',
    to: 'if (true) return thrown;',
  },
  {
    name: 'nothing is adopted',
    file: MANAGER,
    from: 'for (const entry of journal.unfinished()) this.#carryOut(entry, true);',
    to: '',
  },
  {
    name: 'what the journal did not take is reported',
    file: MANAGER,
    from: '} catch {\n      return;\n    }\n    this.#works.delete',
    to: '} catch {}\n    this.#works.delete',
  },
  {
    name: 'accepted is said before the log has it',
    file: JOURNAL,
    from: 'const counts = await this.#append(`accepted',
    to: 'const counts = !!this.#append(`accepted',
  },
  {
    name: 'what a deposed manager finishes counts',
    file: RULES,
    from: '!isOpen(log.led, epoch, manager) || log.stateOf',
    to: 'log.stateOf',
  },
  {
    name: 'the last accepted of an id counts',
    file: RULES,
    from: 'if (log.stateOf(record.entry.id) !== undefined) return undefined;',
    to: '',
  },
  {
    name: 'a lead under a lower epoch opens it',
    file: RULES,
    from: 'compareEpochs(epoch, log.led.epoch) <= 0',
    to: 'compareEpochs(epoch, log.led.epoch) === 0',
    first: 640,
  },
  {
    name: 'the deadline of a command passes unseen',
    file: PENDING,
    from: 'Math.max(0, remaining)',
    to: '1e9',
  },
  {
    name: 'who takes over waits until a deadline of another clock',
    file: TIME_LEFT,
    from: 'Math.min(left, deadline - acceptedAt)',
    to: 'left',
  },
  {
    name: 'a letter that is not taken means that none was',
    file: 'apps/cluster-manager/src/deliveries.ts',
    from: 'if (this.#adopted || others > 0) return undefined;',
    to: '',
  },
  {
    name: 'a letter of another term does not count',
    file: 'apps/cluster-manager/src/deliveries.ts',
    from: 'if (this.#adopted || others > 0)',
    to: 'if (others > 0)',
  },
  {
    name: 'old epochs are obeyed',
    file: RECORD,
    from: 'if (order < 0) throw',
    to: 'if (false) throw',
  },
  {
    name: 'the highest epoch is not on the disk',
    file: RECORD,
    from: 'this.#store.raiseEpoch(issuer, epoch);',
    to: '',
    first: 100,
  },
  {
    name: 'an act begins before it is written',
    file: RECORD,
    from: 'this.#store.begin(issuer, id, this.#clock.now());',
    to: '',
    first: 760,
  },
  {
    name: 'what was begun and not answered is new',
    file: RECORD,
    from: 'return stored && Promise.resolve(stored.answer ?? UNKNOWN);',
    to: 'return stored?.answer && Promise.resolve(stored.answer);',
    first: 760,
  },
  {
    name: 'what runs is not waited for',
    file: RECORD,
    from: 'if (running) return running;',
    to: '',
  },
  {
    name: 'an answer is not on the disk',
    file: RECORD,
    from: 'this.#store.answer(issuer, [id], kept, this.#clock.now());',
    to: '',
  },
  {
    name: 'what was said not to be begun may begin',
    file: RECORD,
    from: 'this.#write(issuer, unheard, NOT_BEGUN);',
    to: '{}',
    first: 1280,
  },
];
