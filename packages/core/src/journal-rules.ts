/**
 * What a record of the log changes: the same for every manager that applies the records in the order of the stream.
 * Pure, so that a simulation can drive it. See docs/adr/0025.
 *
 * INVARIANTS:
 *  - the epoch that is open never goes down, and belongs to the manager that opened it;
 *  - an entry never changes once it is accepted, an outcome never once it is there;
 *  - only the manager whose epoch is open finishes anything; accepting is open to whoever once led.
 */
import { compareEpochs, type Epoch } from './epoch.ts';
import type { Uuid } from './ids.ts';
import type { JournalEntry, JournalRecord, Led } from './ports.ts';

/** What the records before it have made. */
export type LogView = {
  readonly led: Led | undefined;
  stateOf(id: Uuid): 'accepted' | 'finished' | undefined;
};

export type LogChange =
  | { readonly kind: 'led'; readonly led: Led }
  | { readonly kind: 'accepted'; readonly entry: JournalEntry; readonly epoch: Epoch }
  | { readonly kind: 'finished'; readonly id: Uuid; readonly outcome: Uint8Array };

/** @returns undefined if it changes nothing */
export function changeBy(record: JournalRecord, log: LogView): LogChange | undefined {
  const { manager, epoch } = record;
  switch (record.kind) {
    case 'lead':
      if (log.led && compareEpochs(epoch, log.led.epoch) <= 0) return undefined;
      return { kind: 'led', led: { epoch, manager } };
    case 'accepted':
      if (log.stateOf(record.entry.id) !== undefined) return undefined;
      return { kind: 'accepted', entry: record.entry, epoch };
    case 'finished':
      if (!isOpen(log.led, epoch, manager) || log.stateOf(record.id) !== 'accepted') return undefined;
      return { kind: 'finished', id: record.id, outcome: record.outcome };
  }
}

/** Is this the epoch that is open, and does this manager hold it? */
export function isOpen(led: Led | undefined, epoch: Epoch | undefined, manager: string): boolean {
  return (
    led !== undefined &&
    epoch !== undefined &&
    compareEpochs(led.epoch, epoch) === 0 &&
    led.manager === manager
  );
}
