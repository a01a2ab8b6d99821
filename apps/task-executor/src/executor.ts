/** Commands as they arrive, directly or through the room: open, check, run, answer. */
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
import type { Certificate, ErrorBody, SensorPort, Uuid } from '@mom4c/core';
import { SERVICE_RESOURCE, letterIn, lettersElements } from '@mom4c/member';
import type { Member, Refusals } from '@mom4c/member';
import type { Letter, PayloadOf, Received } from '@mom4c/messaging';
import { xml } from '@mom4c/xmpp';
import type { Element, Incoming, IncomingRequest, RoomMessage, XmppSession } from '@mom4c/xmpp';
import type { Membership } from './membership.ts';

type Answer = Pick<PayloadOf<'result'>, 'state' | 'result' | 'error'>;

export type ExecutorParts = {
  member: Member;
  session: XmppSession;
  membership: Membership;
  /** Calls for the sake of that request. */
  sensorsFor: (request: Uuid) => SensorPort;
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
  ): Promise<Received<'command'>> {
    const { member, membership } = this.#parts;
    const letter = letterIn(element);
    if (!letter) throw new Mom4cError('M4C_NOT_SIGNED');
    const ours = { ...audience, name: member.settings.name };
    const received = await member.postbox.open(letter, ['command'], ours, sentBy);
    // Here, so that what comes from a manager that has been replaced is never even taken.
    membership.checkEpoch(received.payload.epoch);
    return received;
  }

  #serve(received: Received<'command'>): void {
    const { log, errorOf } = this.#parts.member;
    this.#perform(received)
      .then((answer) => this.#answer(received, answer))
      .catch((thrown: unknown) => {
        const { code, detail } = errorOf(thrown);
        log.warn({ id: received.payload.id, code, detail }, 'an answer was not sent');
      });
  }

  async #perform({ payload, signer }: Received<'command'>): Promise<Answer> {
    const { member, sensorsFor, onRan } = this.#parts;
    const { clock, settings } = member;
    let acting = false;
    const deadline = deadlineWithin(member.signal, workingTime(payload.expires - clock.now()), clock);
    member.log.info({ id: payload.id, command: payload.name }, 'taken');
    const begun = clock.monotonic();
    try {
      const command = findCommand(COMMANDS, payload.name);
      if (command.runsOn !== 'te')
        throw new Mom4cError('M4C_UNKNOWN_COMMAND', `${payload.name} runs elsewhere`);
      authorise(command, (access) => roleMay(signer.role, access));
      parseArguments(command, payload.args);
      if (this.#running >= MAX_RUNNING)
        throw new Mom4cError('M4C_BUSY', `${MAX_RUNNING} commands are running`);
      acting = true;
      this.#running += 1;
      const node = { name: settings.name, version: VERSION, startedAt: this.#startedAt };
      const { signal } = deadline;
      const sensors = sensorsFor(payload.id);
      const result = await runCommand(command, payload.args, { node, sensors, clock, signal });
      return { state: 'ok', result };
    } catch (thrown) {
      const error = member.errorOf(thrown, { id: payload.id });
      return { state: acting ? 'failed' : 'refused', error: error.toBody() satisfies ErrorBody };
    } finally {
      deadline.clear();
      if (acting) {
        this.#running -= 1;
        onRan(payload.name, (clock.monotonic() - begun) / 1000);
      }
    }
  }

  async #answer({ payload }: Received<'command'>, answer: Answer): Promise<void> {
    const { member, membership, session } = this.#parts;
    const { address, service, clock, log } = member;
    const time = clock.now();
    const expires = time + RESULT_VALID_MS;
    const head = { type: 'result', id: payload.id, from: address, to: service, time, expires } as const;
    const letter = await this.#sealed({ ...head, ...answer }, await membership.managers());
    await session.send(
      xml('message', { to: `${service}/${SERVICE_RESOURCE}`, type: 'normal' }, ...lettersElements(letter)),
    );
    log.info(
      { id: payload.id, command: payload.name, state: answer.state, code: answer.error?.code },
      'answered',
    );
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
