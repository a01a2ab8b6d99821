/**
 * Commands from intake to outcome: check → journal → accept → fan out → collect → report.
 *
 * INVARIANTS:
 * - `accepted` is said only after the journal has the command.
 * - A request id is acted on once; the same id again gets the same answer again.
 * - Every accepted command ends with one outcome per target, in the journal before it is sent.
 */
import type { Asker, Policy } from '@mom4c/access';
import { COMMANDS, nodes } from '@mom4c/commands';
import {
  Mom4cError,
  authorise,
  bareJid,
  deadlineWithin,
  findCommand,
  formatLabels,
  labelsMatch,
  parseArguments,
  parseLabelTerm,
  runCommand,
} from '@mom4c/core';
import type {
  Certificate,
  Command,
  FederationPort,
  FullJid,
  Journal,
  JournalEntry,
  JournalState,
  LabelTerm,
  Uuid,
} from '@mom4c/core';
import type { Member } from '@mom4c/member';
import { MAX_PAYLOAD } from '@mom4c/messaging';
import type { Outcome, Payload, PayloadOf, Received } from '@mom4c/messaging';
import { fitOutcomes } from './fit-outcomes.ts';
import type { Leadership } from './leadership.ts';
import { PendingCommand, noAnswer } from './pending-command.ts';
import type { Roster } from './roster.ts';

/** How the desk reaches the outside; the sessions are main's. */
export type Outbox = {
  /** To one task executor's session. Resolves when it has taken the command. @throws Mom4cError its refusal */
  toExecutor(
    jid: FullJid,
    command: PayloadOf<'command'>,
    recipient: Certificate,
    timeoutMs: number,
  ): Promise<void>;
  toRoom(command: PayloadOf<'command'>): Promise<void>;
  toRequester(jid: FullJid, outcome: PayloadOf<'outcome'>, recipient: Certificate): Promise<void>;
};

/** Gets to know what is decided and what comes of it, for the metrics. */
export type DeskObserver = {
  accepted(targets: number): void;
  rejected(): void;
  /** @param took milliseconds from the acceptance @param states one for each target */
  finished(took: number, states: readonly Outcome['state'][]): void;
};

export type DeskParts = {
  observer: DeskObserver;
  member: Member;
  journal: Journal;
  roster: Roster;
  leadership: Leadership;
  policy: Policy;
  /** For the sake of this request. */
  federation: (request: Uuid) => FederationPort;
  outbox: Outbox;
};

const MAX_PENDING = 1000;
/** As many as can be reported in one message, whatever becomes of them and however long their names are. */
const MAX_TARGETS = 900;
/** The rest of the payload needs less than a kilobyte. */
const OUTCOMES_CAPACITY = MAX_PAYLOAD - 1024;

export class CommandDesk {
  readonly #parts: DeskParts;
  readonly #pending = new Map<string, PendingCommand>();
  #stopped = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** @returns what the requester gets at once */
  async request(
    { payload, signer, evidence }: Received<'request'>,
    requester: FullJid,
  ): Promise<PayloadOf<'accepted' | 'rejected'>> {
    const { member, leadership } = this.#parts;
    const head = this.#headFor(payload.id, payload.from);
    try {
      const entry = await this.#accept(payload, signer, evidence, requester);
      const { targets, deadline } = entry;
      return { type: 'accepted', ...head, epoch: leadership.epoch, targets: [...targets], deadline };
    } catch (thrown) {
      const error = member.errorOf(thrown, { id: payload.id });
      this.#parts.observer.rejected();
      member.log.info(
        {
          id: payload.id,
          command: payload.name,
          ...whoAsked(payload, signer),
          code: error.code,
          detail: error.detail,
        },
        'rejected',
      );
      return { type: 'rejected', ...head, error: error.toBody() };
    }
  }

  /** What a person may do for whom an adapter asks. */
  permissions({ payload, signer }: Received<'permissions'>): PayloadOf<'permitted'> {
    const asker = { role: signer.role, onBehalfOf: payload.onBehalfOf };
    const permitted = COMMANDS.filter((command) => this.#parts.policy.permits(asker, command));
    const head = this.#headFor(payload.id, payload.from);
    return { type: 'permitted', ...head, commands: permitted.map(({ name }) => name) };
  }

  /** A task executor's answer. Whatever is not awaited (any more) is counted by the caller. */
  result({ payload, signer }: Received<'result'>): boolean {
    const { state, result, error } = payload;
    return this.#pending.get(payload.id)?.settle({ target: signer.name, state, result, error }) ?? false;
  }

  /** Commands that an earlier run of this process accepted and did not finish get their outcome now.
   *  @param entries as the journal had them before this run accepted anything */
  finishLeftovers(entries: readonly JournalEntry[]): void {
    const detail = 'the cluster manager was restarted while the command ran';
    for (const entry of entries) {
      const outcomes = entry.targets.map((target) => noAnswer(target, 'M4C_NO_ANSWER', detail));
      this.#parts.member.log.warn({ id: entry.id }, 'was under way when the last run ended');
      this.#guard(entry.id, this.#report(entry, outcomes, undefined));
    }
  }

  /** What is under way stays in the journal. */
  stop(): void {
    this.#stopped = true;
    for (const pending of this.#pending.values()) pending.abandon();
    this.#pending.clear();
  }

  async #accept(
    payload: PayloadOf<'request'>,
    signer: Certificate,
    evidence: Uint8Array,
    requester: FullJid,
  ): Promise<JournalEntry> {
    const { member, journal, policy } = this.#parts;
    const command = findCommand(COMMANDS, payload.name);
    const asker = { role: signer.role, onBehalfOf: payload.onBehalfOf };
    authorise(command, () => policy.permits(asker, command));
    parseArguments(command, payload.args);
    const known = await journal.find(payload.id);
    if (known) return this.#again(known, signer);
    if (this.#pending.size >= MAX_PENDING)
      throw new Mom4cError('M4C_BUSY', `${MAX_PENDING} commands are under way`);
    const having = (payload.labels ?? []).map(parseLabelTerm);
    const targets = await this.#targets(command, payload.targets, having, asker);
    const acceptedAt = member.clock.now();
    const deadline = acceptedAt + payload.timeout;
    const entry: JournalEntry = {
      id: payload.id,
      command: command.name,
      requester,
      acceptedAt,
      deadline,
      evidence,
      targets,
    };
    if (!(await journal.accept(entry))) return this.#again((await journal.find(payload.id))!, signer);
    // It is in the journal: the next run reports it.
    if (this.#stopped) throw new Mom4cError('M4C_STOPPED');
    const pending = new PendingCommand(payload.id, targets, payload.timeout, member.clock, (outcomes) => {
      this.#pending.delete(payload.id);
      for (const { target, error } of outcomes)
        if (error?.code === 'M4C_NO_ANSWER') this.#parts.roster.missed(target);
      this.#guard(payload.id, this.#report(entry, outcomes, signer));
    });
    this.#pending.set(payload.id, pending);
    const { id, name } = payload;
    member.log.info({ id, command: name, ...whoAsked(payload, signer), targets: targets.length }, 'accepted');
    this.#parts.observer.accepted(targets.length);
    this.#guard(payload.id, this.#carryOut(command, payload.args, having, pending, entry));
    return entry;
  }

  /** The requester did not hear our answer and asks again: it gets the same one, and the outcome if there is one. */
  #again(known: JournalState, signer: Certificate): JournalEntry {
    const { entry } = known;
    if (!signer.addresses.includes(bareJid(entry.requester)))
      throw new Mom4cError('M4C_REPLAY', 'this id is taken');
    this.#parts.member.log.info({ id: entry.id, state: known.state }, 'asked again');
    if (known.state === 'finished') {
      const payload = JSON.parse(Buffer.from(known.outcome).toString()) as PayloadOf<'outcome'>;
      const again = { ...payload, ...this.#headFor(payload.id, payload.to) };
      this.#guard(entry.id, this.#parts.outbox.toRequester(entry.requester, again, signer));
    }
    return entry;
  }

  /** What was asked for, of this whoever has the labels; a selector for the manager's own command narrows what it is
   *  about instead. */
  async #targets(
    command: Command,
    asked: readonly string[] | undefined,
    having: readonly LabelTerm[],
    asker: Asker,
  ): Promise<readonly string[]> {
    const { member, roster } = this.#parts;
    if (command.runsOn === 'cm') {
      if (asked)
        throw new Mom4cError(
          'M4C_BAD_ARGUMENTS',
          `${command.name} runs on the cluster manager and takes no target`,
        );
      if (having.length > 0 && !command.byLabels)
        throw new Mom4cError('M4C_BAD_ARGUMENTS', `${command.name} is not about nodes and takes no label`);
      return [member.settings.name];
    }
    const enrolled = await roster.executors(asked);
    const named = [...new Set(asked ?? enrolled)];
    const unknown = named.filter((target) => !enrolled.includes(target));
    if (unknown.length > 0) throw new Mom4cError('M4C_UNKNOWN_TARGET', unknown.slice(0, 10).join(', '));
    const targets = named.filter((target) => labelsMatch(roster.labels(target), having));
    if (targets.length === 0) throw new Mom4cError('M4C_NO_TARGETS', this.#whyNone(named, having, asker));
    if (targets.length > MAX_TARGETS)
      throw new Mom4cError(
        'M4C_TOO_LARGE',
        `${targets.length} targets; at most ${MAX_TARGETS} in one command`,
      );
    return targets;
  }

  /** What there is instead, so that a slip in a selector shows: to whom `nodes` would show it. */
  #whyNone(named: readonly string[], having: readonly LabelTerm[], asker: Asker): string | undefined {
    if (named.length === 0) return undefined;
    const none = `${named.length} named or enrolled, none has ${having.length > 1 ? 'all these labels' : 'this label'}`;
    if (!this.#parts.policy.permits(asker, nodes)) return none;
    const labels = new Set(
      named
        .flatMap((name) => formatLabels(this.#parts.roster.labels(name)).split(','))
        .filter((label) => label !== ''),
    );
    const some = [...labels].sort().slice(0, 10).join(', ');
    const has = some === '' ? 'none has announced labels' : `their labels are ${some}`;
    const more = labels.size > 10 ? ', …' : '';
    return `${none}; ${has}${more}`;
  }

  async #carryOut(
    command: Command,
    args: unknown,
    having: readonly LabelTerm[],
    pending: PendingCommand,
    entry: JournalEntry,
  ): Promise<void> {
    if (command.runsOn === 'cm') return this.#runHere(command, args, having, pending, entry);
    const { roster, member, leadership, outbox } = this.#parts;
    for (const target of entry.targets)
      if (!roster.present(target)) pending.settle(noAnswer(target, 'M4C_TARGET_ABSENT'));
    const present = entry.targets.filter((target) => pending.awaits(target));
    if (present.length === 0) return;
    const payload: PayloadOf<'command'> = {
      type: 'command',
      id: entry.id,
      from: member.service,
      to: { room: member.room, targets: present },
      time: member.clock.now(),
      expires: entry.deadline,
      epoch: leadership.epoch,
      name: command.name,
      args,
    };
    const way = present.length > 1 ? 'room' : 'direct';
    member.log.info({ id: entry.id, command: command.name, targets: present.length, way }, 'sent');
    if (present.length > 1) return outbox.toRoom(payload);
    await this.#toOne(present[0]!, payload, pending);
  }

  async #toOne(target: string, payload: PayloadOf<'command'>, pending: PendingCommand): Promise<void> {
    const { roster, outbox, member } = this.#parts;
    const executor = roster.present(target)!;
    const direct = { ...payload, to: executor.certificate.addresses[0]! };
    try {
      const remaining = Math.max(1, payload.expires - member.clock.now());
      await outbox.toExecutor(executor.jid, direct, executor.certificate, remaining);
    } catch (thrown) {
      const error = member.errorOf(thrown, { id: payload.id });
      // No word, or the connection went: it may be at work. Its result, or the deadline, will say so.
      if (error.code === 'M4C_TIMEOUT' || error.code === 'M4C_XMPP_OFFLINE') return;
      if (error.code === 'M4C_XMPP_RECIPIENT') pending.settle(noAnswer(target, 'M4C_TARGET_ABSENT'));
      else pending.settle({ target, state: 'refused', error: error.toBody() });
    }
  }

  async #runHere(
    command: Command,
    args: unknown,
    having: readonly LabelTerm[],
    pending: PendingCommand,
    entry: JournalEntry,
  ): Promise<void> {
    const { member, roster } = this.#parts;
    const target = entry.targets[0]!;
    const { clock, signal: stopped } = member;
    const deadline = deadlineWithin(stopped, Math.max(1, entry.deadline - entry.acceptedAt), clock);
    const { signal } = deadline;
    try {
      const federation = this.#parts.federation(entry.id);
      const result = await runCommand(command, args, { nodes: roster, federation, having, clock, signal });
      pending.settle({ target, state: 'ok', result });
    } catch (thrown) {
      pending.settle({ target, state: 'failed', error: member.errorOf(thrown, { id: entry.id }).toBody() });
    } finally {
      deadline.clear();
    }
  }

  async #report(entry: JournalEntry, outcomes: Outcome[], requester: Certificate | undefined): Promise<void> {
    const { journal, member, leadership, outbox } = this.#parts;
    const to = bareJid(entry.requester);
    const head = this.#headFor(entry.id, to);
    const payload: PayloadOf<'outcome'> = {
      type: 'outcome',
      ...head,
      epoch: leadership.epoch,
      name: entry.command,
      outcomes: fitOutcomes(outcomes, OUTCOMES_CAPACITY),
    };
    const states = outcomes.map(({ state }) => state);
    this.#parts.observer.finished(member.clock.now() - entry.acceptedAt, states);
    await journal.finish(entry.id, Buffer.from(JSON.stringify(payload)));
    member.log.info({ id: entry.id, command: entry.command, ...countStates(outcomes) }, 'finished');
    const recipient = requester ?? (await member.directory.byAddress(to))[0];
    if (recipient) await outbox.toRequester(entry.requester, payload, recipient);
  }

  #headFor(id: string, to: string): Pick<Payload, 'id' | 'from' | 'time' | 'expires'> & { to: string } {
    const { clock, service } = this.#parts.member;
    const time = clock.now();
    return { id, from: service, to, time, expires: time + ANSWER_VALID_MS };
  }

  /** Work that nobody waits for: its fault goes to the log. Of a fan-out, the deadline still gives every target its outcome. */
  #guard(id: string, work: Promise<void>): void {
    work.catch((thrown: unknown) => {
      const { member } = this.#parts;
      const { code, detail } = member.errorOf(thrown, { id });
      member.log.warn({ id, code, detail }, 'a step of a command failed');
    });
  }
}

/** For the log; in the journal it stands in the signed request. */
function whoAsked(
  { onBehalfOf }: PayloadOf<'request'>,
  { name }: Certificate,
): { by: string; attestedBy?: string } {
  return onBehalfOf === undefined ? { by: name } : { by: onBehalfOf, attestedBy: name };
}

/** Of what is said to a requester. */
const ANSWER_VALID_MS = 60_000;

function countStates(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of outcomes) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
