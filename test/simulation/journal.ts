/** The journal of a manager, over the log and its own file, by the product's rules. */
import { Mom4cError, changeBy, compareEpochs, isOpen } from '@mom4c/core';
import type { Epoch, JournalEntry, JournalRecord, Led, LogView, Uuid } from '@mom4c/core';
import type { LogService } from './services.ts';
import type { Process } from './world.ts';

/** What follows from the log, for everybody the same. */
export class JournalState implements LogView {
  position = 0;
  led: Led | undefined;
  readonly entries = new Map<Uuid, { readonly entry: JournalEntry; outcome: string | undefined }>();

  stateOf(id: Uuid): 'accepted' | 'finished' | undefined {
    const known = this.entries.get(id);
    return known && (known.outcome === undefined ? 'accepted' : 'finished');
  }

  /** @returns does it count? */
  apply(record: JournalRecord): boolean {
    this.position += 1;
    const change = changeBy(record, this);
    if (change?.kind === 'led') this.led = change.led;
    if (change?.kind === 'accepted')
      this.entries.set(change.entry.id, { entry: change.entry, outcome: undefined });
    if (change?.kind === 'finished')
      this.entries.get(change.id)!.outcome = Buffer.from(change.outcome).toString();
    return change !== undefined;
  }
}

export type JournalFile = {
  state: JournalState;
  /** Written here, and not yet read back from the log. */
  readonly drafts: Map<Uuid, JournalRecord & { kind: 'accepted' }>;
};

const RETRY_MS = 300;

export class SimulatedJournal {
  readonly file: JournalFile;
  readonly #log: LogService;
  readonly #process: Process;
  readonly #manager: string;
  readonly #waiting = new Map<JournalRecord, (counts: boolean) => void>();
  readonly advance: () => void;
  /** Tries of this process. */
  #leads = 0;
  onAdopted = (_entry: JournalEntry): void => {};
  onFollowed = (): void => {};

  constructor(process: Process, log: LogService, file: JournalFile) {
    this.#process = process;
    this.#manager = process.machine.name;
    this.#log = log;
    this.file = file;
    for (const draft of file.drafts.values()) void this.#append(`accepted ${draft.entry.id}`, draft);
    this.advance = log.follow(
      process,
      () => file.state.position,
      (record) => this.#follow(record),
    );
  }

  get lag(): number {
    return this.#log.records.length - this.file.state.position;
  }

  /** One try. @throws Mom4cError M4C_EPOCH, and what the log throws: it may have it all the same */
  async lead(epoch: Epoch): Promise<void> {
    const { led } = this.file.state;
    if (led && compareEpochs(epoch, led.epoch) < 0) throw new Mom4cError('M4C_EPOCH');
    const record = { ...this.#under(epoch), kind: 'lead' } as const;
    const seen = this.#seen(record);
    this.#leads += 1;
    await this.#log.append(this.#process, `lead ${text(epoch)} ${this.#leads}`, record);
    await seen;
    this.#check(epoch);
  }

  /** @returns false if the id is there already @throws Mom4cError M4C_EPOCH */
  async accept(epoch: Epoch, entry: JournalEntry): Promise<boolean> {
    this.#check(epoch);
    if (this.file.state.entries.has(entry.id) || this.file.drafts.has(entry.id)) return false;
    const record = { ...this.#under(epoch), kind: 'accepted', entry } as const;
    this.file.drafts.set(entry.id, record);
    const counts = await this.#append(`accepted ${entry.id} ${text(epoch)}`, record);
    if (counts) this.#check(epoch);
    return counts;
  }

  /** @throws Mom4cError M4C_EPOCH */
  async finish(epoch: Epoch, id: Uuid, outcome: string): Promise<void> {
    this.#check(epoch);
    const record = { ...this.#under(epoch), kind: 'finished', id, outcome: Buffer.from(outcome) } as const;
    await this.#append(`finished ${id} ${text(epoch)}`, record);
    this.#check(epoch);
  }

  unfinished(): JournalEntry[] {
    return [...this.file.state.entries.values()].flatMap(({ entry, outcome }) =>
      outcome === undefined ? [entry] : [],
    );
  }

  #check(epoch: Epoch): void {
    if (!isOpen(this.file.state.led, epoch, this.#manager)) throw new Mom4cError('M4C_EPOCH');
  }

  #under(epoch: Epoch): { manager: string; epoch: Epoch } {
    return { manager: this.#manager, epoch };
  }

  /** Until it is acknowledged and has come back. @returns does it count? */
  async #append(messageId: string, record: JournalRecord): Promise<boolean> {
    const seen = this.#seen(record);
    for (;;) {
      try {
        await this.#log.append(this.#process, messageId, record);
        break;
      } catch {
        await new Promise<void>((resolve) => this.#process.clock.after(RETRY_MS, resolve));
      }
    }
    return seen;
  }

  /** It has come back. @returns does it count? */
  #seen(record: JournalRecord): Promise<boolean> {
    return new Promise((resolve) => this.#waiting.set(record, resolve));
  }

  #follow(record: JournalRecord): void {
    const counts = this.file.state.apply(record);
    if (record.kind === 'accepted') {
      this.file.drafts.delete(record.entry.id);
      const { led } = this.file.state;
      if (counts && led && compareEpochs(record.epoch, led.epoch) !== 0) this.onAdopted(record.entry);
    }
    this.#waiting.get(record)?.(counts);
    this.#waiting.delete(record);
    if (this.lag === 0) this.onFollowed();
  }
}

export function text({ generation, counter }: Epoch): string {
  return `${generation}.${counter}`;
}
