/** Sees everything, and says what must not be. */
import { compareEpochs } from '@mom4c/core';
import type { Epoch, JournalRecord, LeaseRecord, Mom4cError, Uuid } from '@mom4c/core';
import { text } from './journal.ts';
import type { Process, World } from './world.ts';

/** Five sixths of the lease, and a little for the arithmetic. */
const LONGEST_HOLD_MS = 10_000 + 0.001;

export class Witness {
  readonly faults: string[] = [];
  readonly #world: World;
  /** Epoch → who commanded under it. */
  readonly #epochs = new Map<string, string>();
  /** The highest epoch that the log has opened. */
  #led: Epoch | undefined;
  /** Manager and epoch that the log has opened for it. */
  readonly #opened = new Set<string>();
  readonly #last = new Map<string, Epoch>();
  /** Process → when it began the last write of the lease that was acknowledged, on the clock that stands still with it. */
  readonly #renewed = new Map<string, number>();
  /** Task executor → the highest epoch that it has heard. */
  readonly #heard = new Map<string, Epoch>();
  readonly #acts = new Map<string, number>();
  /** Target and id → all that it ever answered: more than one thing only of what may be done twice. */
  readonly #answers = new Map<string, Set<string>>();
  /** Task executor → what this run of it acted on. */
  readonly #actedOn = new Map<Process, Set<Uuid>>();
  /** Target and id of which it did not take a letter. */
  readonly #notTaken = new Set<string>();
  readonly accepted = new Set<Uuid>();
  readonly outcomes = new Map<Uuid, string>();
  readonly counts = {
    epochs: 0,
    acts: 0,
    answers: 0,
    refused: 0,
    unknown: 0,
    notTaken: 0,
    waited: 0,
    turnedAway: 0,
  };

  constructor(world: World) {
    this.#world = world;
  }

  fault(what: string): void {
    if (this.faults.includes(what)) return;
    this.#world.say('FAULT', what);
    this.faults.push(what);
  }

  acquired(process: Process, epoch: Epoch): void {
    this.counts.epochs += 1;
    const last = this.#last.get(process.name);
    if (last && compareEpochs(epoch, last) <= 0) this.fault(`an epoch that does not grow: ${text(epoch)}`);
    this.#last.set(process.name, epoch);
  }

  acknowledged(process: Process, { holder }: LeaseRecord, begun: number): void {
    // The answer to an earlier write may come late.
    const before = this.#renewed.get(process.name) ?? 0;
    if (holder !== undefined) this.#renewed.set(process.name, Math.max(before, begun));
  }

  /** In the order of the log. */
  recorded({ kind, manager, epoch }: JournalRecord): void {
    if (kind !== 'lead' || (this.#led && compareEpochs(epoch, this.#led) <= 0)) return;
    this.#led = epoch;
    this.#opened.add(`${manager} ${text(epoch)}`);
  }

  accepts(process: Process, id: Uuid, epoch: Epoch): void {
    this.#isOpened(process, epoch, `accepts ${id}`);
    this.accepted.add(id);
  }

  /** Whoever asked asks again, unless it is told that this would change nothing. */
  turnedAway(id: Uuid, { code, retryable }: Mom4cError): void {
    if (!retryable) this.fault(`${id} is turned away for good by ${code}`);
  }

  /** Anything that is said under an epoch. */
  commands(process: Process, epoch: Epoch): void {
    this.#isOf(process, epoch);
    this.#isOpened(process, epoch, 'commands');
    this.#epochs.set(text(epoch), process.name);
    const age = this.#world.time - process.machine.suspendedFor - (this.#renewed.get(process.name) ?? 0);
    if (age * process.machine.rate > LONGEST_HOLD_MS)
      this.fault(`a command ${process.name} sends after its lease`);
  }

  heard(process: Process, epoch: Epoch): void {
    const { name } = process.machine;
    const highest = this.#heard.get(name);
    if (highest && compareEpochs(epoch, highest) < 0) this.fault(`${name} heeds an old epoch`);
    else this.#heard.set(name, epoch);
  }

  begins(process: Process, id: Uuid, epoch: Epoch): void {
    const highest = this.#heard.get(process.machine.name);
    if (highest && compareEpochs(epoch, highest) < 0) this.fault(`an act on ${id} under an old epoch`);
  }

  acted(process: Process, id: Uuid, once: boolean): void {
    this.counts.acts += 1;
    const key = `${process.machine.name} ${id}`;
    const acts = (this.#acts.get(key) ?? 0) + 1;
    this.#acts.set(key, acts);
    if (once && acts > 1) this.fault(`a second act on ${id} at ${process.machine.name}`);
    this.#actedOn.set(process, (this.#actedOn.get(process) ?? new Set()).add(id));
    if (this.#answers.get(key)?.has('refused')) this.fault(`an act on ${id} that was said not to be begun`);
  }

  answered(process: Process, id: Uuid, once: boolean, state: string): void {
    const key = `${process.machine.name} ${id}`;
    const before = this.#answers.get(key) ?? new Set();
    this.counts.answers += 1;
    if (state === 'refused') this.counts.refused += 1;
    if (state === 'unknown') this.counts.unknown += 1;
    if (once && before.size > 0 && !before.has(state))
      this.fault(`answers about ${id}: ${[...before].join()} and ${state}`);
    this.#answers.set(key, before.add(state));
    // Of what may be done twice a task executor keeps nothing over a restart, but what it did since.
    const isKnown = once ? this.#acts.has(key) : this.#actedOn.get(process)?.has(id);
    if (state === 'refused' && isKnown) this.fault(`said not to be begun: ${id}, on which it acted`);
    if (state === 'ok' && !this.#acts.has(key)) this.fault(`ok without an act: ${id}`);
  }

  /** Its manager hears that it does not take this letter, whatever came of others. */
  notTaken(process: Process, id: Uuid): void {
    this.counts.notTaken += 1;
    this.#notTaken.add(`${process.machine.name} ${id}`);
  }

  outcome(id: Uuid, outcome: string): void {
    const before = this.outcomes.get(id);
    if (before !== undefined && before !== outcome)
      this.fault(`two outcomes of ${id}: ${before} and ${outcome}`);
    this.outcomes.set(id, outcome);
    for (const { target, state } of JSON.parse(outcome) as { target: string; state: string }[]) {
      const key = `${target} ${id}`;
      const answers = this.#answers.get(key) ?? new Set();
      const isRefused = state === 'refused' && this.#notTaken.has(key) && !this.#acts.has(key);
      if (state !== 'no-answer' && !answers.has(state) && !isRefused)
        this.fault(`outcome ${state} of ${id} at ${target}, which answered ${[...answers].join()}`);
    }
  }

  #isOpened(process: Process, epoch: Epoch, what: string): void {
    if (!this.#opened.has(`${process.machine.name} ${text(epoch)}`))
      this.fault(`${process.name} ${what} before the log has its lead`);
  }

  #isOf(process: Process, epoch: Epoch): void {
    const owner = this.#epochs.get(text(epoch));
    if (owner !== undefined && owner !== process.name)
      this.fault(`${owner} and ${process.name} under one epoch, ${text(epoch)}`);
  }
}
