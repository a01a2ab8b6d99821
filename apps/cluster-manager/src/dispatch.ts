/**
 * Commands on their way to their targets: sent to whoever is present, sent again to whoever comes back, asked about when
 * their deadline has passed while nobody led; or run here, where they are the manager's own.
 */
import { Mom4cError, deadlineWithin, runCommand } from '@mom4c/core';
import type {
  Certificate,
  ClusterManagerCommand,
  Command,
  EventsPort,
  FederationPort,
  FullJid,
  JournalEntry,
  LabelTerm,
  ManagersPort,
  Uuid,
} from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import type { Deliveries } from './deliveries.ts';
import type { Leadership } from './leadership.ts';
import { noAnswer } from './pending-command.ts';
import type { PendingCommand } from './pending-command.ts';
import type { Roster } from './roster.ts';
import { INQUIRY_MS } from './time-left.ts';

/** How the outside is reached. */
export type Outbox = {
  /** To one task executor's session. Resolves when it has taken the command. @throws Mom4cError its refusal */
  toExecutor(
    jid: FullJid,
    command: PayloadOf<'command' | 'inquiry'>,
    recipient: Certificate,
    timeoutMs: number,
  ): Promise<void>;
  toRoom(command: PayloadOf<'command' | 'inquiry'>): Promise<void>;
  toRequester(jid: FullJid, outcome: PayloadOf<'outcome'>, recipient: Certificate): Promise<void>;
};

/** A command under way. */
export type Work = {
  readonly entry: JournalEntry;
  readonly command: Command;
  readonly args: unknown;
  readonly having: readonly LabelTerm[];
  readonly pending: PendingCommand;
  /** Accepted in an earlier term. */
  readonly adopted: boolean;
  /** Its deadline has passed: targets are asked what became of it. */
  readonly late: boolean;
  readonly deliveries: Deliveries;
};

export type DispatchParts = {
  readonly member: Member;
  readonly roster: Roster;
  readonly leadership: Leadership;
  /** For the sake of this request. */
  readonly managers: (request: Uuid) => ManagersPort;
  readonly federation: (request: Uuid) => FederationPort;
  readonly eventsPort: EventsPort;
  readonly outbox: Outbox;
  /** A task executor knows a higher epoch than this one, or does not believe its generation. */
  readonly onEpochRefused?: (executor: string) => void;
};

/** After a term has begun, task executors that are not present may only not have said so yet. */
const SETTLING_MS = 3_000;

export class Dispatch {
  readonly #parts: DispatchParts;
  readonly #works = new Map<Uuid, Work>();
  readonly #cancelSettling: () => void;
  #settled = false;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
    this.#cancelSettling = parts.member.clock.after(SETTLING_MS, () => this.#settle());
  }

  get size(): number {
    return this.#works.size;
  }

  find(id: Uuid): Work | undefined {
    return this.#works.get(id);
  }

  /** Until `end`. */
  begin(work: Work): void {
    this.#works.set(work.entry.id, work);
    this.#guard(work, this.#carryOut(work));
  }

  end(id: Uuid): void {
    this.#works.delete(id);
  }

  /** A task executor has come (again): it gets what it is still to answer. */
  arrived(name: string): void {
    for (const work of this.#works.values())
      if (work.command.runsOn === 'te' && work.pending.awaits(name))
        this.#guard(work, this.#sendToOne(work, name));
  }

  /** Once more to whoever has not answered: what was said before the answers could reach us went to our predecessor. */
  sendAgain(): void {
    for (const work of this.#works.values())
      if (work.command.runsOn === 'te' && work.deliveries.any) this.#guard(work, this.#carryOut(work));
  }

  stop(): void {
    this.#cancelSettling();
    for (const { pending } of this.#works.values()) pending.abandon();
    this.#works.clear();
  }

  async #carryOut(work: Work): Promise<void> {
    if (work.command.runsOn === 'cm') return this.#runHere(work.command, work);
    const { roster, member, outbox } = this.#parts;
    const { entry, pending } = work;
    const present = entry.targets.filter((target) => pending.awaits(target) && roster.present(target));
    if (this.#settled) this.#giveUpAbsent(work);
    if (present.length === 0) return;
    const way = present.length > 1 ? 'room' : 'direct';
    const { id, command } = entry;
    member.log.info({ id, command, targets: present.length, way, late: work.late }, 'sent');
    if (present.length === 1) return this.#sendToOne(work, present[0]!);
    for (const target of present) work.deliveries.sent(target);
    await outbox.toRoom(this.#letterOf(work, { room: member.room, targets: present }));
  }

  /** Whoever was not here when the term began has had time to say that it is. */
  #settle(): void {
    this.#settled = true;
    for (const work of this.#works.values()) this.#giveUpAbsent(work);
  }

  /** Of what an earlier term may have sent, an answer can still come: its deadline decides. */
  #giveUpAbsent({ command, entry, pending, adopted, deliveries }: Work): void {
    if (command.runsOn === 'cm' || adopted) return;
    for (const target of entry.targets)
      if (!deliveries.has(target) && !this.#parts.roster.present(target))
        pending.settle(noAnswer(target, 'M4C_TARGET_ABSENT'));
  }

  async #sendToOne(work: Work, target: string): Promise<void> {
    const { roster, outbox, member } = this.#parts;
    const { pending, deliveries } = work;
    const executor = roster.present(target);
    if (!executor) return;
    deliveries.sent(target);
    const letter = this.#letterOf(work, executor.certificate.addresses[0]!);
    try {
      const remaining = Math.max(1, letter.expires - member.clock.now());
      await outbox.toExecutor(executor.jid, letter, executor.certificate, remaining);
    } catch (thrown) {
      const error = member.errorOf(thrown, { id: letter.id });
      if (error.code === 'M4C_EPOCH') this.#parts.onEpochRefused?.(target);
      const outcome = deliveries.notTaken(target, error);
      if (outcome) pending.settle(outcome);
    }
  }

  /** The command; of one that is late, the question what became of it. */
  #letterOf({ entry, args, late }: Work, to: PayloadOf<'command'>['to']): PayloadOf<'command' | 'inquiry'> {
    const { member, leadership } = this.#parts;
    const { clock, service: from, newId } = member;
    const time = clock.now();
    const head = { from, to, time, epoch: leadership.epoch };
    if (late) return { type: 'inquiry', id: newId(), ...head, expires: time + INQUIRY_MS, ids: [entry.id] };
    return { type: 'command', id: entry.id, ...head, expires: entry.deadline, name: entry.command, args };
  }

  async #runHere(
    command: ClusterManagerCommand,
    { args, having, pending, entry, adopted }: Work,
  ): Promise<void> {
    const { member, roster, managers, eventsPort } = this.#parts;
    const target = entry.targets[0]!;
    if (adopted && !command.idempotent)
      return void pending.settle({
        target,
        state: 'unknown',
        error: new Mom4cError('M4C_OUTCOME_UNKNOWN', 'its manager was replaced while it ran').toBody(),
      });
    const { clock, signal: stopped } = member;
    const deadline = deadlineWithin(stopped, Math.max(1, entry.deadline - entry.acceptedAt), clock);
    const { signal } = deadline;
    try {
      const federation = this.#parts.federation(entry.id);
      const context = {
        ...{ nodes: roster, managers: managers(entry.id), federation, events: eventsPort },
        ...{ having, clock, signal },
      };
      const result = await runCommand(command, args, context);
      pending.settle({ target, state: 'ok', result });
    } catch (thrown) {
      pending.settle({ target, state: 'failed', error: member.errorOf(thrown, { id: entry.id }).toBody() });
    } finally {
      deadline.clear();
    }
  }

  /** The deadline still gives every target its outcome. */
  #guard({ entry: { id } }: Work, step: Promise<void>): void {
    step.catch((thrown: unknown) => {
      const { code, detail } = this.#parts.member.errorOf(thrown, { id });
      this.#parts.member.log.warn({ id, code, detail }, 'a command was not sent');
    });
  }
}
