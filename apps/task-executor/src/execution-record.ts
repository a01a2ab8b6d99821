/**
 * What this node was told to do, by the id of the command, and the highest epoch of each domain that may command it.
 * Decides only; the disk is behind `RecordStore`, whose every call is on the disk when it returns.
 *
 * INVARIANTS:
 * - What must not be done twice is acted on at most once for each id, however often and in whatever order it is sent, over
 *   deaths of the process as well: it is written before it begins.
 * - The answer that an id got, or would have got, is its answer: what was refused, or said not to be begun, never begins.
 * - The epoch of a domain never goes down, and those of one domain say nothing about another's. Its generation goes up only
 *   by what the authority of that domain has stated.
 * - What may be sent again is not forgotten: rather than that, nothing new is begun.
 */
import { FIRST_GENERATION, Mom4cError, compareEpochs } from '@mom4c/core';
import type { Clock, Epoch, Uuid } from '@mom4c/core';
import type { PayloadOf } from '@mom4c/messaging';

/** What is said about an id. */
export type Answer = Pick<PayloadOf<'result'>, 'state' | 'result' | 'error'>;

/** Of one node. `issuer`: the domain whose manager gave the id. Times are Unix milliseconds. */
export interface RecordStore {
  epochs(): ReadonlyMap<string, Epoch>;
  /** @throws Mom4cError M4C_RECORD, and so do all below; nothing was changed then */
  raiseEpoch(issuer: string, epoch: Epoch): void;
  /** Without an answer: it was begun. */
  find(issuer: string, id: Uuid): { readonly answer: Answer | undefined } | undefined;
  begin(issuer: string, id: Uuid, at: number): void;
  /** Of all of these ids, begun or not. */
  answer(issuer: string, ids: readonly Uuid[], answer: Answer, at: number): void;
  count(): number;
  /** The oldest first, at most so many. @returns how many */
  forget(before: number, atMost: number): number;
}

export type Work = {
  /** Must it not be done twice? */
  readonly once: boolean;
  /** Called if the id is new: why it is not begun, if it is not. */
  readonly refusal: () => Answer | undefined;
  /** Called at most once, unless it may be done twice. Must not reject. */
  readonly act: () => Promise<Answer>;
};

export type RecordLimits = {
  /** ms. */
  readonly keep: number;
  /** When there are too many, those younger than this stay, ms; a command has ten minutes at most. */
  readonly sure: number;
  /** On the disk. */
  readonly capacity: number;
  /** Answers in memory. */
  readonly remembered: number;
  /** Octets of an answer on the disk. */
  readonly answer: number;
};

const HOUR = 3_600_000;
export const DEFAULT_RECORD_LIMITS: RecordLimits = {
  keep: 24 * HOUR,
  sure: HOUR,
  capacity: 20_000,
  remembered: 256,
  answer: 4096,
};

const UNKNOWN: Answer = { state: 'unknown', error: { code: 'M4C_OUTCOME_UNKNOWN' } };
const NOT_BEGUN: Answer = {
  state: 'refused',
  error: { code: 'M4C_EXPIRED', detail: 'not begun before its deadline' },
};

export class ExecutionRecord {
  readonly #store: RecordStore;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #onFault: (thrown: unknown, id: Uuid) => void;
  readonly #limits: RecordLimits;
  readonly #epochs: Map<string, Epoch>;
  /** By issuer and id. */
  readonly #running = new Map<string, Promise<Answer>>();
  /** The latest last. */
  readonly #remembered = new Map<string, Answer>();

  /** @param onFault an answer could not be written */
  constructor(
    store: RecordStore,
    clock: Pick<Clock, 'now'>,
    onFault: (thrown: unknown, id: Uuid) => void,
    limits: RecordLimits = DEFAULT_RECORD_LIMITS,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onFault = onFault;
    this.#limits = limits;
    this.#epochs = new Map(store.epochs());
  }

  /** Takes it as the highest, on the disk, if it is. @param stated asked where the generation is new: the one that the authority of the
   *  issuer has stated @throws Mom4cError M4C_EPOCH (a higher one is known, or its generation was never stated), M4C_RECORD; as `stated` */
  admitEpoch(issuer: string, epoch: Epoch, stated = () => FIRST_GENERATION): void {
    const known = this.#epochs.get(issuer);
    const order = known ? compareEpochs(epoch, known) : 1;
    if (order < 0) throw new Mom4cError('M4C_EPOCH', `${show(known!)} is known, this is ${show(epoch)}`);
    // What stands on the disk was stated once.
    const generation = Math.max(known?.generation ?? 0, FIRST_GENERATION);
    if (epoch.generation > generation && epoch.generation > stated())
      throw new Mom4cError('M4C_EPOCH', `nobody has stated generation ${epoch.generation}`);
    if (order === 0) return;
    this.#store.raiseEpoch(issuer, epoch);
    this.#epochs.set(issuer, epoch);
  }

  /** Does it, waits for it, or remembers it. @throws Mom4cError M4C_RECORD, M4C_BUSY (it was not begun, and may be yet) */
  perform(issuer: string, id: Uuid, work: Work): Promise<Answer> {
    const key = keyOf(issuer, id);
    const known = this.#find(issuer, id);
    if (known) return known;
    const refusal = work.refusal();
    if (refusal) {
      if (work.once) this.#write(issuer, [id], refusal);
      else this.#remember(key, refusal);
      return Promise.resolve(refusal);
    }
    if (work.once) {
      this.#makeRoom(1);
      this.#store.begin(issuer, id, this.#clock.now());
    }
    const run = work
      .act()
      .then((answer) => (work.once ? this.#finish(issuer, id, answer) : answer))
      .then((answer) => {
        this.#remember(key, answer);
        return answer;
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, run);
    return run;
  }

  /** What became of these, of which no manager wants anything any more: what has not begun by now never will.
   *  @throws Mom4cError M4C_RECORD, M4C_BUSY (then nothing is said of any) */
  inquire(issuer: string, ids: readonly Uuid[]): ReadonlyMap<Uuid, Promise<Answer>> {
    const answers = new Map(ids.map((id) => [id, this.#find(issuer, id)]));
    const unheard = [...answers.keys()].filter((id) => !answers.get(id));
    if (unheard.length > 0) this.#write(issuer, unheard, NOT_BEGUN);
    return new Map([...answers].map(([id, known]) => [id, known ?? Promise.resolve(NOT_BEGUN)]));
  }

  #find(issuer: string, id: Uuid): Promise<Answer> | undefined {
    const key = keyOf(issuer, id);
    const running = this.#running.get(key);
    if (running) return running;
    const remembered = this.#remembered.get(key);
    if (remembered) return Promise.resolve(remembered);
    const stored = this.#store.find(issuer, id);
    return stored && Promise.resolve(stored.answer ?? UNKNOWN);
  }

  /** It was done; if that cannot be written, it can still be said for as long as this process remembers it. */
  #finish(issuer: string, id: Uuid, answer: Answer): Answer {
    const kept = this.#withinLimit(answer);
    try {
      this.#store.answer(issuer, [id], kept, this.#clock.now());
    } catch (thrown) {
      this.#onFault(thrown, id);
    }
    return kept;
  }

  #withinLimit(answer: Answer): Answer {
    const octets = Buffer.byteLength(JSON.stringify(answer));
    if (octets <= this.#limits.answer) return answer;
    const detail = `it ended as ${answer.state}; ${octets} octets of result are more than is kept`;
    return { state: 'failed', error: { code: 'M4C_TOO_LARGE', detail } };
  }

  #write(issuer: string, ids: readonly Uuid[], answer: Answer): void {
    this.#makeRoom(ids.length);
    this.#store.answer(issuer, ids, answer, this.#clock.now());
  }

  #makeRoom(count: number): void {
    const now = this.#clock.now();
    const { keep, sure, capacity } = this.#limits;
    this.#store.forget(now - keep, Number.MAX_SAFE_INTEGER);
    const over = this.#store.count() + count - capacity;
    if (over > 0 && this.#store.forget(now - sure, over) < over)
      throw new Mom4cError('M4C_BUSY', `the record of commands holds ${capacity} of the last hour`);
  }

  #remember(key: string, answer: Answer): void {
    this.#remembered.set(key, answer);
    if (this.#remembered.size <= this.#limits.remembered) return;
    const [oldest] = this.#remembered.keys();
    this.#remembered.delete(oldest!);
  }
}

function show({ generation, counter }: Epoch): string {
  return `${generation}.${counter}`;
}

function keyOf(issuer: string, id: Uuid): string {
  return `${issuer} ${id}`;
}
