/** Commands as they arrive, directly or through the room: open, check, run or remember, answer. */
import { roleMay } from '@mom4c/access';
import { COMMANDS } from '@mom4c/commands';
import {
  Mom4cError,
  VERSION,
  authorise,
  bareJid,
  deadlineWithin,
  findCommand,
  parseArguments,
  runCommand,
} from '@mom4c/core';
import type {
  ActuatorPort,
  Certificate,
  Command,
  NodeManagerPort,
  Role,
  SensorPort,
  Uuid,
} from '@mom4c/core';
import { SERVICE_RESOURCE, letterIn, lettersElements } from '@mom4c/member';
import type { Member, Refusals } from '@mom4c/member';
import type { Letter, PayloadOf, Received } from '@mom4c/messaging';
import { xml } from '@mom4c/xmpp';
import type { Element, Incoming, IncomingRequest, RoomMessage, XmppSession } from '@mom4c/xmpp';
import type { Answer, ExecutionRecord } from './execution-record.ts';
import type { Membership } from './membership.ts';

type Asked = 'command' | 'inquiry';

export type ExecutorParts = {
  member: Member;
  session: XmppSession;
  membership: Membership;
  record: ExecutionRecord;
  /** Calls for the sake of that request. */
  sensorsFor: (request: Uuid) => SensorPort;
  /** Likewise; nothing is begun after that time. */
  actuatorsFor: (request: Uuid, before: number) => ActuatorPort;
  manager: NodeManagerPort;
  refusals: Refusals;
  onRan: (command: string, seconds: number) => void;
};

/** Commands that may run at once; what is above is refused with M4C_BUSY. */
const MAX_RUNNING = 64;
const RESULT_VALID_MS = 60_000;

/** The manager must have the answer by the deadline, a failure's too: a fifth of the time is for its way, at most this. */
const MAX_RETURN_MS = 1_000;

function workingTime(remaining: number): number {
  return Math.max(1, Math.floor(remaining - Math.min(remaining / 5, MAX_RETURN_MS)));
}

export class Executor {
  readonly #parts: ExecutorParts;
  readonly #startedAt: number;
  #running = 0;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#startedAt = parts.member.clock.now();
  }

  /** How many commands run now. */
  get running(): number {
    return this.#running;
  }

  /** A command to this node alone. Answering the request says "taken"; the result follows as a message. */
  async request({ from, element }: IncomingRequest): Promise<undefined> {
    const { member } = this.#parts;
    try {
      const sender = bareJid(from);
      // Cheapest first: what others send is not even read. That a manager has signed it is still to be shown.
      if (sender !== member.service) throw new Mom4cError('M4C_NOT_HEARD', 'not from the cluster manager');
      const received = await this.#open(element, { addresses: [member.address], rooms: [] }, sender);
      this.#serve(received);
    } catch (thrown) {
      throw this.#refused(thrown, from);
    }
  }

  /** A command to a room. What cannot be opened or verified gets no answer: whoever shouts in a room must not make
   *  every node in it speak. Managers are the room's moderators, and nobody else is shown in it; what others say is
   *  not even read. */
  roomMessage(message: RoomMessage): Promise<void> | undefined {
    if (message.speaker?.role === 'moderator') return this.#said(message);
    // At once, so that noise takes none of the places of what is worked on.
    this.#refused(new Mom4cError('M4C_NOT_HEARD', 'not from a moderator of the room'), message.nick);
    return undefined;
  }

  async #said({ nick, element }: RoomMessage): Promise<void> {
    const { member } = this.#parts;
    try {
      this.#serve(await this.#open(element, { addresses: [], rooms: [member.room] }, undefined));
    } catch (thrown) {
      // Everybody in the room hears what is for some: nothing to refuse, and no line that would hide an attack.
      if (thrown instanceof Mom4cError && thrown.code === 'M4C_NOT_A_TARGET') return;
      this.#refused(thrown, nick);
    }
  }

  /** Nobody writes to a task executor directly, but the room and the server may have something to say. */
  message({ from, type }: Incoming): void {
    const { room, settings } = this.#parts.member;
    if (type === 'error' || from === settings.domain || from === room) return;
    if (type === 'groupchat' && from.startsWith(`${room}/`)) return;
    this.#refused(new Mom4cError('M4C_NOT_HEARD', 'a message to a task executor'), from);
  }

  async #open(
    element: Element,
    audience: { addresses: string[]; rooms: string[] },
    sentBy: string | undefined,
  ): Promise<Received<Asked>> {
    const { member, membership } = this.#parts;
    const letter = letterIn(element);
    if (!letter) throw new Mom4cError('M4C_NOT_SIGNED');
    const ours = { ...audience, name: member.settings.name };
    const received = await member.postbox.open<Asked>(letter, ['command', 'inquiry'], ours, sentBy);
    // Here, so that what comes from a manager that has been replaced is never even taken.
    membership.checkEpoch(received.signer.domain, received.payload.epoch);
    return received;
  }

  /** @throws Mom4cError M4C_RECORD, M4C_BUSY, of an inquiry; a command is answered in any case */
  #serve({ payload, signer }: Received<Asked>): void {
    if (payload.type === 'command') {
      this.#tell(payload.id, this.#perform(payload, signer), signer, payload.name);
      return;
    }
    const { record, member } = this.#parts;
    const answers = record.inquire(signer.domain, payload.ids);
    member.log.info({ id: payload.id, about: payload.ids.length }, 'asked what became of commands');
    for (const [id, answer] of answers) this.#tell(id, answer, signer);
  }

  #tell(id: Uuid, answer: Promise<Answer>, asker: Certificate, command?: string): void {
    answer
      .then((known) => this.#answer(id, known, asker, command))
      .catch((thrown: unknown) => {
        const { code, detail } = this.#parts.member.errorOf(thrown);
        this.#parts.member.log.warn({ id, code, detail }, 'an answer was not sent');
      });
  }

  async #perform(payload: PayloadOf<'command'>, { role, domain }: Certificate): Promise<Answer> {
    const { member, record } = this.#parts;
    const { id, name, epoch } = payload;
    const known = COMMANDS.find((command) => command.name === name);
    try {
      let isNew = false;
      const answer = record.perform(domain, id, {
        once: known !== undefined && !known.idempotent,
        refusal: () => {
          isNew = true;
          return this.#refusal(payload, role);
        },
        act: () => this.#act(known!, payload),
      });
      const under = `${epoch.generation}.${epoch.counter}`;
      member.log.info({ id, command: name, epoch: under }, isNew ? 'taken' : 'asked again');
      return await answer;
    } catch (thrown) {
      return { state: 'refused', error: member.errorOf(thrown, { id }).toBody() };
    }
  }

  /** Why it is not begun, if it is not. */
  #refusal({ id, name, args }: PayloadOf<'command'>, role: Role): Answer | undefined {
    try {
      const command = findCommand(COMMANDS, name);
      if (command.runsOn !== 'te') throw new Mom4cError('M4C_UNKNOWN_COMMAND', `${name} runs elsewhere`);
      authorise(command, (access) => roleMay(role, access));
      parseArguments(command, args);
      if (this.#running >= MAX_RUNNING)
        throw new Mom4cError('M4C_BUSY', `${MAX_RUNNING} commands are running`);
      return undefined;
    } catch (thrown) {
      return { state: 'refused', error: this.#parts.member.errorOf(thrown, { id }).toBody() };
    }
  }

  async #act(command: Command, { id, args, expires }: PayloadOf<'command'>): Promise<Answer> {
    const { member, sensorsFor, actuatorsFor, manager, onRan } = this.#parts;
    const { clock, settings } = member;
    const deadline = deadlineWithin(member.signal, workingTime(expires - clock.now()), clock);
    const begun = clock.monotonic();
    this.#running += 1;
    try {
      const node = { name: settings.name, version: VERSION, startedAt: this.#startedAt };
      const { signal } = deadline;
      const devices = { sensors: sensorsFor(id), actuators: actuatorsFor(id, expires) };
      const result = await runCommand(command, args, { node, ...devices, manager, clock, signal });
      return { state: 'ok', result };
    } catch (thrown) {
      const error = member.errorOf(thrown, { id });
      return { state: error.code === 'M4C_OUTCOME_UNKNOWN' ? 'unknown' : 'failed', error: error.toBody() };
    } finally {
      deadline.clear();
      this.#running -= 1;
      onRan(command.name, (clock.monotonic() - begun) / 1000);
    }
  }

  /** @param asker may be newer than what the last leadership statement names */
  async #answer(id: Uuid, answer: Answer, asker: Certificate, command: string | undefined): Promise<void> {
    const { member, membership, session } = this.#parts;
    const { address, service, clock, log } = member;
    const time = clock.now();
    const expires = time + RESULT_VALID_MS;
    const head = { type: 'result', id, from: address, to: service, time, expires } as const;
    // Who leads by the time that one of the others has to know asks anew.
    const managers = await membership.managers().catch(() => []);
    const isNamed = managers.some(({ fingerprint }) => fingerprint === asker.fingerprint);
    const letter = await this.#sealed({ ...head, ...answer }, isNamed ? managers : [...managers, asker]);
    await session.send(
      xml('message', { to: `${service}/${SERVICE_RESOURCE}`, type: 'normal' }, ...lettersElements(letter)),
    );
    log.info({ id, command, state: answer.state, code: answer.error?.code }, 'answered');
  }

  /** A result that does not fit is a stated failure, not silence. */
  async #sealed(result: PayloadOf<'result'>, managers: readonly Certificate[]): Promise<Letter> {
    const { postbox } = this.#parts.member;
    try {
      return await postbox.sealTo(result, managers);
    } catch (thrown) {
      if (!(thrown instanceof Mom4cError) || thrown.code !== 'M4C_TOO_LARGE') throw thrown;
      const { result: _tooLarge, ...rest } = result;
      return postbox.sealTo({ ...rest, state: 'failed', error: thrown.toBody() }, managers);
    }
  }

  #refused(thrown: unknown, from: string): Mom4cError {
    const { member, refusals } = this.#parts;
    const error = member.errorOf(thrown);
    refusals.note(error, from);
    return error;
  }
}
