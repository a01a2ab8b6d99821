/** What stands on the bus: the leader lease and the log. Linearizable; whether a process reaches them is another matter. */
import type { JournalRecord, LeaseEntry, LeaseRecord, LeaseStore } from '@mom4c/core';
import type { Wire } from './network.ts';
import type { Process } from './world.ts';

export class LeaseService {
  readonly #wire: Wire;
  readonly #watchers = new Set<{ process: Process; show: () => void }>();
  #entry: LeaseEntry | undefined;
  #revision = 0;
  /** What stood there before, newest last. */
  #earlier: LeaseEntry[] = [];
  /** Told when a write is acknowledged, with the time when the process began it, without what it was suspended for. */
  onAcknowledged = (_process: Process, _record: LeaseRecord, _begun: number): void => {};

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  get entry(): LeaseEntry | undefined {
    return this.#entry;
  }

  /** The bucket was lost. */
  makeAnew(): void {
    this.#entry = undefined;
    this.#revision = 0;
    this.#earlier = [];
  }

  /** Its last writes are lost, and revisions go on from an earlier one. @returns false if there were too few */
  fallBack(writes: number): boolean {
    const entry = this.#earlier.at(-writes);
    if (!entry) return false;
    this.#earlier.splice(-writes);
    this.#entry = entry;
    this.#revision = entry.revision;
    for (const watcher of this.#watchers) watcher.show();
    return true;
  }

  portOf(process: Process): LeaseStore {
    const { world } = this.#wire;
    return {
      read: () => this.#wire.call(process, () => this.#entry),
      write: async (record, expected) => {
        const begun = world.time - process.machine.suspendedFor;
        const revision = await this.#wire.call(process, () => this.#compareAndSet(process, record, expected));
        if (revision !== undefined) this.onAcknowledged(process, record, begun);
        return revision;
      },
      watch: (listener) => {
        let shownAt = 0;
        const show = (): void => {
          const entry = this.#entry;
          if (!entry || !process.machine.links.bus) return;
          shownAt = Math.max(shownAt, world.time + this.#wire.delay());
          world.after(shownAt - world.time, () => process.deliver(() => listener(entry)));
        };
        const watcher = { process, show };
        this.#watchers.add(watcher);
        show();
        return () => this.#watchers.delete(watcher);
      },
    };
  }

  reconnected(process: Process): void {
    for (const watcher of this.#watchers) if (watcher.process === process) watcher.show();
  }

  #compareAndSet(process: Process, record: LeaseRecord, expected: number): number | undefined {
    if ((this.#entry?.revision ?? 0) !== expected) return undefined;
    this.#revision += 1;
    if (this.#entry) this.#earlier.push(this.#entry);
    this.#entry = { revision: this.#revision, record };
    this.#wire.world.say('lease', `${this.#revision}: ${JSON.stringify(record)} by ${process.name}`);
    for (const watcher of this.#watchers) {
      if (watcher.process.alive) watcher.show();
      else this.#watchers.delete(watcher);
    }
    return this.#revision;
  }
}

export class LogService {
  readonly records: JournalRecord[] = [];
  readonly #wire: Wire;
  readonly #ids = new Set<string>();
  readonly #followers = new Set<() => void>();
  /** Told of each, in order. */
  onRecord = (_record: JournalRecord): void => {};

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** What was sent twice stands there once. */
  append(process: Process, messageId: string, record: JournalRecord): Promise<void> {
    return this.#wire.call(process, () => {
      if (this.#ids.has(messageId)) return;
      this.#ids.add(messageId);
      this.records.push(record);
      this.onRecord(record);
      this.#wire.world.say('log', `${this.records.length}: ${messageId} by ${process.name}`);
      for (const advance of this.#followers) advance();
    });
  }

  /** One after the other, from where `position` stands. @returns asks for the next one, after a reconnection */
  follow(process: Process, position: () => number, next: (record: JournalRecord) => void): () => void {
    const { world } = this.#wire;
    let under = false;
    const advance = (): void => {
      if (!process.alive) return void this.#followers.delete(advance);
      const record = this.records[position()];
      if (under || !record || !process.machine.links.bus) return;
      under = true;
      world.after(this.#wire.delay(), () =>
        process.deliver(() => {
          under = false;
          if (process.machine.links.bus) next(record);
          advance();
        }),
      );
    };
    this.#followers.add(advance);
    advance();
    return advance;
  }
}
