/** A log in memory behind the port of the stream, and records in the clear, for unit tests of this package only. */
import { deserialize, serialize } from 'node:v8';
import { Mom4cError, type JournalRecord, type JournalRecords } from '@mom4c/core';
import type { Appended, JournalStream } from './journal-stream.ts';
import type { FollowerOptions } from './stream-follower.ts';

type Message = { sequence: number; time: number; data: Uint8Array };
type Handlers = Pick<FollowerOptions, 'begin' | 'onMessage' | 'onLost'>;

export class MemoryLog {
  created = 'first';
  messages: Message[] = [];
  /** Before and after a message is stored; a test makes them wait or throw. */
  before = async (_octets: Uint8Array): Promise<void> => {};
  after = async (_octets: Uint8Array): Promise<void> => {};
  now = (): number => Date.now();
  readonly #ids = new Map<string, number>();
  readonly #followers = new Set<() => void>();

  get records(): JournalRecord[] {
    return this.messages.map(({ data }) => deserialize(data) as JournalRecord);
  }

  put(octets: Uint8Array, id?: string): Appended {
    const known = id === undefined ? undefined : this.#ids.get(id);
    if (known !== undefined) return { sequence: known, duplicate: true };
    const sequence = (this.messages.at(-1)?.sequence ?? 0) + 1;
    this.messages.push({ sequence, time: this.now(), data: octets });
    if (id !== undefined) this.#ids.set(id, sequence);
    for (const wake of this.#followers) wake();
    return { sequence, duplicate: false };
  }

  /** Another stream in its place, or the same with other messages: everybody begins anew. */
  replace(created: string, messages: Message[]): void {
    this.created = created;
    this.messages = messages;
    this.#ids.clear();
    this.restart();
  }

  restart(): void {
    this.#lose.splice(0).forEach((lose) => lose());
  }
  readonly #lose: (() => void)[] = [];

  stream(): JournalStream {
    return {
      append: async (_kind, id, octets) => {
        await this.before(octets);
        const appended = this.put(octets, id);
        await this.after(octets);
        return appended;
      },
      timeOf: async (sequence) => this.messages.find((one) => one.sequence === sequence)?.time,
      follow: (handlers) => {
        let closed = false;
        const done = this.#follow(handlers, () => closed);
        return {
          close: async () => {
            closed = true;
            this.restart();
            await done;
          },
        };
      },
    };
  }

  async #follow(handlers: Handlers, isClosed: () => boolean): Promise<void> {
    while (!isClosed()) {
      let lost = false;
      let wake = (): void => {};
      const waking = (): void => wake();
      this.#followers.add(waking);
      this.#lose.push(() => {
        lost = true;
        wake();
      });
      const last = this.messages.at(-1)?.sequence ?? 0;
      const first = this.messages[0]?.sequence ?? last + 1;
      let next = Number(await handlers.begin({ created: this.created, first, last }));
      while (!lost && !isClosed()) {
        const message = this.messages.find(({ sequence }) => sequence >= next);
        if (message) {
          next = message.sequence + 1;
          await handlers.onMessage({
            ...message,
            pending: this.messages.at(-1)!.sequence - message.sequence,
          });
        } else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
      this.#followers.delete(waking);
      handlers.onLost?.();
    }
  }
}

/** `open` throws what `fault` returns. */
export function clearRecords(
  manager: string,
  fault: (record: JournalRecord) => Error | undefined = () => undefined,
) {
  const records: JournalRecords = {
    manager,
    sign: async (record) => serialize(record),
    async open(octets) {
      let record: JournalRecord;
      try {
        record = deserialize(octets) as JournalRecord;
      } catch {
        throw new Mom4cError('M4C_MALFORMED');
      }
      const error = fault(record);
      if (error) throw error;
      return record;
    },
  };
  return records;
}
