/** The leader lease as it is stored: one entry, written by compare-and-set. See docs/adr/0025. */
import type { Epoch } from './epoch.ts';

export type LeaseRecord = {
  /** Name of the manager that holds it; absent: it was given back. */
  readonly holder?: string | undefined;
  /** Random, of the process that wrote it: a manager that was restarted is somebody else. */
  readonly instance: string;
  readonly generation: number;
  /** The counter of the epoch under which it was taken: higher than all that whoever took it knew of; stays through renewals. */
  readonly acquired: number;
  /** Given back in favour of this manager. */
  readonly successor?: string | undefined;
};

export type LeaseEntry = {
  /** Of this write, for the next compare-and-set; grows with each, but for a store that has lost its last writes. */
  readonly revision: number;
  readonly record: LeaseRecord;
};

export interface LeaseStore {
  /** What stands there now; undefined: nothing ever did. @throws Mom4cError M4C_NO_QUORUM, M4C_BUS_UNREACHABLE */
  read(): Promise<LeaseEntry | undefined>;
  /** @param expected the revision that must stand there, 0 for none
   *  @returns the new revision; undefined if something else stands there
   *  @throws Mom4cError M4C_NO_QUORUM, M4C_BUS_UNREACHABLE: it may have been written all the same */
  write(record: LeaseRecord, expected: number): Promise<number | undefined>;
  /** Calls back for what stands there now, for each write from now on, in order, and for what stands there after a
   *  reconnection. A write that another one follows at once may be left out. */
  watch(listener: (entry: LeaseEntry) => void): () => void;
}

export function epochOf({ generation, acquired }: LeaseRecord): Epoch {
  return { generation, counter: acquired };
}
