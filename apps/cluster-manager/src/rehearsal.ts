/**
 * What whoever takes over does first, done ahead by a manager that stands by, with what the one who leads has accepted: so
 * certificates are known, keys are agreed, and code is compiled when it counts. Nothing of it leaves this process, and
 * nothing that is signed for it could be obeyed: it has expired when it is made, and is of an epoch that is over.
 */
import { COMMANDS } from '@mom4c/commands';
import { FIRST_GENERATION, findCommand, parseArguments } from '@mom4c/core';
import type { Certificate, JournalEntry, JournalRecords } from '@mom4c/core';
import { currentManagers } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import type { Roster } from './roster.ts';

export type RehearsalParts = {
  readonly member: Member;
  readonly roster: Pick<Roster, 'executors' | 'present'>;
  readonly records: JournalRecords;
  readonly leads: () => boolean;
};

/** What is kept is known for longer. */
const EVERY_MS = 5_000;
/** A letter's life, in Unix milliseconds, and an epoch that is lower than all there are. */
const VOID = { time: 0, expires: 1, epoch: { generation: FIRST_GENERATION, counter: 0 } } as const;

export class Rehearsal {
  readonly #parts: RehearsalParts;
  #dueAt = Number.NEGATIVE_INFINITY;

  constructor(parts: RehearsalParts) {
    this.#parts = parts;
  }

  /** Whoever leads does in earnest what is rehearsed here. */
  accepted(entry: JournalEntry): void {
    const { member, leads } = this.#parts;
    const now = member.clock.monotonic();
    if (leads() || now < this.#dueAt) return;
    this.#dueAt = now + EVERY_MS;
    this.#rehearse(entry).catch((thrown: unknown) => {
      const { code, detail } = member.errorOf(thrown);
      member.log.debug({ code, detail }, 'what is done first in a take-over was not rehearsed');
    });
  }

  async #rehearse(entry: JournalEntry): Promise<void> {
    const { member, roster, records } = this.#parts;
    const { postbox, settings } = member;
    const { payload, signer } = await postbox.reopen(entry.evidence, ['request']);
    parseArguments(findCommand(COMMANDS, payload.name), payload.args);
    await roster.executors(entry.targets);
    await postbox.sealTo(this.#acceptanceOf(entry, payload.from), [signer]);
    for (const target of entry.targets.slice(0, 1)) {
      const executor = roster.present(target)?.certificate;
      if (executor) await postbox.sealTo(this.#commandOf(entry, payload.args, executor), [executor]);
    }
    await records.sign({ kind: 'accepted', manager: settings.name, epoch: VOID.epoch, entry });
    await currentManagers(member);
  }

  #acceptanceOf({ id, targets, deadline }: JournalEntry, to: string): PayloadOf<'accepted'> {
    const from = this.#parts.member.service;
    return { type: 'accepted', id, from, to, ...VOID, targets: [...targets], deadline };
  }

  #commandOf(
    { id, command: name }: JournalEntry,
    args: unknown,
    { addresses }: Certificate,
  ): PayloadOf<'command'> {
    const from = this.#parts.member.service;
    return { type: 'command', id, from, to: addresses[0]!, ...VOID, name, args };
  }
}
