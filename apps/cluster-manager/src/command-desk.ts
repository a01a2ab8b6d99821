/**
 * Commands from intake to outcome, for one term of leading: check → journal → accept → fan out → collect → report.
 *
 * INVARIANTS:
 * - `accepted` is said only after the journal has the command.
 * - A request id is acted on once; the same id again gets the same answer again.
 * - Every accepted command ends with one outcome per target, in the journal before it is sent. What a term leaves
 *   unfinished, the next one adopts, here or at another manager.
 */
import type { Policy } from '@mom4c/access';
import { COMMANDS } from '@mom4c/commands';
import { Mom4cError, authorise, bareJid, findCommand, parseArguments, parseLabelTerm } from '@mom4c/core';
import type { Certificate, FullJid, Journal, JournalEntry, JournalState, Uuid } from '@mom4c/core';
import { MAX_PAYLOAD, encodePayload } from '@mom4c/messaging';
import type { Outcome, Payload, PayloadOf, Received } from '@mom4c/messaging';
import { askTheNext } from './ask-the-next.ts';
import { Deliveries } from './deliveries.ts';
import { Dispatch } from './dispatch.ts';
import type { DispatchParts, Work } from './dispatch.ts';
import { fitOutcomes } from './fit-outcomes.ts';
import { PendingCommand } from './pending-command.ts';
import { chooseTargets } from './targets.ts';
import { timeLeft } from './time-left.ts';
import type { TimeLeft } from './time-left.ts';

/** Gets to know what is decided and what comes of it, for the metrics. */
export type DeskObserver = {
  accepted(targets: number): void;
  rejected(): void;
  /** @param took milliseconds from the acceptance @param states one for each target */
  finished(took: number, states: readonly Outcome['state'][]): void;
};

export type DeskParts = DispatchParts & {
  readonly observer: DeskObserver;
  readonly journal: Journal;
  readonly policy: Policy;
  /** The outcome of this request has been sent, or could not be. */
  readonly onReported?: (request: Uuid) => void;
};

const MAX_PENDING = 1000;
const ADOPT_AGAIN_MS = 1_000;
/** Of what the manager decides itself. */
const ACT_MS = 60_000;
/** The rest of the payload needs less than a kilobyte. */
const OUTCOMES_CAPACITY = MAX_PAYLOAD - 1024;

export class CommandDesk {
  readonly #parts: DeskParts;
  readonly #dispatch: Dispatch;
  #stopped = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#dispatch = new Dispatch(parts);
  }

  get pendingCount(): number {
    return this.#dispatch.size;
  }

  /** @returns what the requester gets at once */
  async request(
    { payload, signer, evidence }: Received<'request'>,
    requester: FullJid,
  ): Promise<PayloadOf<'accepted' | 'rejected'>> {
    const { member, leadership } = this.#parts;
    // Not a rejection: whoever leads now is asked next.
    leadership.check();
    const head = this.#headFor(payload.id, payload.from);
    try {
      const entry = await this.#accept(payload, signer, evidence, requester);
      const { targets, deadline } = entry;
      return { type: 'accepted', ...head, epoch: leadership.epoch, targets: [...targets], deadline };
    } catch (thrown) {
      const error = member.errorOf(thrown, { id: payload.id });
      const elsewhere = askTheNext(error);
      if (elsewhere !== error) throw elsewhere;
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

  /** What this manager decides itself, of one target: in the journal under its signature, and fenced, like any request.
   *  Whoever takes over looks for itself what is to be done, and does not go on with it. @throws Mom4cError */
  async act(name: string, args: unknown, target: string): Promise<void> {
    const { address, certificate, service, newId, signer } = this.#parts.member;
    const head = { ...this.#headFor(newId(), service), from: address };
    const own = { name, args, targets: [target], timeout: ACT_MS };
    const payload: PayloadOf<'request'> = { type: 'request', ...head, ...own };
    const evidence = await signer.signEnclosed(encodePayload(payload));
    const answer = await this.request({ payload, signer: certificate, evidence }, `${address}/manager`);
    if (answer.type === 'rejected') throw new Mom4cError(answer.error.code, answer.error.detail);
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
    const work = this.#dispatch.find(payload.id);
    return work?.pending.settle({ target: signer.name, state, result, error }) ?? false;
  }

  /** A task executor has come (again). */
  arrived(name: string): void {
    this.#dispatch.arrived(name);
  }

  /** Answers reach this manager from now on. */
  sendAgain(): void {
    this.#dispatch.sendAgain();
  }

  /** Goes on with what an earlier term accepted and did not finish. What is known already is passed over. */
  async adopt(entries: readonly JournalEntry[]): Promise<void> {
    await Promise.all(
      entries.filter(({ id }) => !this.#dispatch.find(id)).map((entry) => this.#adoptOne(entry)),
    );
  }

  /** What is under way stays in the journal. */
  stop(): void {
    this.#stopped = true;
    this.#dispatch.stop();
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
    if (this.#dispatch.size >= MAX_PENDING)
      throw new Mom4cError('M4C_BUSY', `${MAX_PENDING} commands are under way`);
    const having = (payload.labels ?? []).map(parseLabelTerm);
    const targets = await chooseTargets(this.#parts, command, payload.targets, having, asker);
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
    // It is in the journal: whoever leads next goes on with it.
    if (this.#stopped) throw new Mom4cError('M4C_STOPPED');
    // The log has it already if another manager accepted it just before us, and so it may be adopted by now.
    if (this.#dispatch.find(entry.id)) return entry;
    const { id, name } = payload;
    member.log.info({ id, command: name, ...whoAsked(payload, signer), targets: targets.length }, 'accepted');
    this.#parts.observer.accepted(targets.length);
    const left = timeLeft(entry, member.clock.now());
    this.#begin(entry, signer, { command, args: payload.args, having, adopted: false }, left);
    return entry;
  }

  async #adoptOne(entry: JournalEntry): Promise<void> {
    const { member } = this.#parts;
    const { id } = entry;
    try {
      const { payload, signer } = await member.postbox.reopen(entry.evidence, ['request']);
      if (this.#stopped || this.#dispatch.find(id)) return;
      const command = findCommand(COMMANDS, payload.name);
      const left = timeLeft(entry, member.clock.now());
      const having = (payload.labels ?? []).map(parseLabelTerm);
      member.log.info({ id, command: command.name, late: left.late }, 'adopted');
      this.#begin(entry, signer, { command, args: payload.args, having, adopted: true }, left);
    } catch (thrown) {
      if (this.#stopped) return;
      const error = member.errorOf(thrown, { id });
      if (error.retryable) return this.#adoptLater(entry, error);
      // Its requester's certificate is revoked, say: whether targets had it before is not known.
      const outcomes = entry.targets.map((target) => ({
        ...{ target, state: 'unknown' as const, error: error.toBody() },
      }));
      this.#guard(id, this.#report(entry, outcomes, undefined));
    }
  }

  /** The directory is away, say, and who asked cannot be verified. */
  #adoptLater(entry: JournalEntry, { code, detail }: Mom4cError): void {
    const { clock, log } = this.#parts.member;
    log.warn({ id: entry.id, code, detail }, 'not adopted yet');
    clock.after(ADOPT_AGAIN_MS, () => {
      if (!this.#stopped) void this.adopt([entry]);
    });
  }

  #begin(
    entry: JournalEntry,
    signer: Certificate,
    work: Pick<Work, 'command' | 'args' | 'having' | 'adopted'>,
    { late, remaining }: TimeLeft,
  ): void {
    const { member, roster } = this.#parts;
    const { id, targets } = entry;
    const pending = new PendingCommand(id, targets, remaining, member.clock, (outcomes) => {
      this.#dispatch.end(id);
      for (const { target, error } of outcomes) if (error?.code === 'M4C_NO_ANSWER') roster.missed(target);
      this.#guard(id, this.#report(entry, outcomes, signer));
    });
    this.#dispatch.begin({ ...work, late, entry, pending, deliveries: new Deliveries(work.adopted) });
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
    try {
      // What a manager asked for itself, it sees in the cluster.
      if (recipient && recipient.role !== 'cm') await outbox.toRequester(entry.requester, payload, recipient);
    } finally {
      this.#parts.onReported?.(entry.id);
    }
  }

  #headFor(id: string, to: string): Pick<Payload, 'id' | 'from' | 'time' | 'expires'> & { to: string } {
    const { clock, service } = this.#parts.member;
    const time = clock.now();
    return { id, from: service, to, time, expires: time + ANSWER_VALID_MS };
  }

  /** Work that nobody waits for: its fault goes to the log. */
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
