/** The two sessions of a cluster manager: its own in the room, and the service address. Letters in, letters out. */
import { Mom4cError, parseJid } from '@mom4c/core';
import type { BareJid, Certificate, FullJid } from '@mom4c/core';
import { NS_ENCRYPTED, SERVICE_RESOURCE, letterIn, lettersElements, roomNick } from '@mom4c/member';
import type { Member, OnStop, Refusals } from '@mom4c/member';
import type { Payload, Received } from '@mom4c/messaging';
import { joinRoom, xml } from '@mom4c/xmpp';
import type { Element, Incoming, IncomingRequest, Room, XmppSession } from '@mom4c/xmpp';
import { admit } from './admission.ts';
import { CommandDesk } from './command-desk.ts';
import type { DeskParts, Outbox } from './command-desk.ts';
import { LEADERSHIP_REPEAT_MS, LEADERSHIP_RETRY_MS } from './leadership.ts';
import type { Leadership } from './leadership.ts';

/** More than any domain that one room is meant for; see docs, "Limits". */
const MAX_OCCUPANTS = 5000;

export type Doors = {
  readonly desk: CommandDesk;
  readonly room: Room;
  readonly service: XmppSession;
};

export type DoorEvents = {
  readonly refusals: Refusals;
  /** A session is gone for good: somebody else holds the address, or the server refuses us. */
  readonly onEnded: (error: Mom4cError) => void;
  readonly onStop: OnStop;
};

export async function openDoors(
  parts: Omit<DeskParts, 'outbox'>,
  { refusals, onEnded, onStop }: DoorEvents,
): Promise<Doors> {
  const { member, leadership } = parts;
  const own = member.session('manager');
  onStop('session', () => own.stop());
  own.onUnseen(({ error, from }) => refusals.note(error, from));
  await own.start(member.signal);
  const watch = (session: XmppSession): void => {
    session.on('conflict', ({ error }) => onEnded(error));
    session.on('fatal', ({ error }) => onEnded(error));
  };
  watch(own);
  const { room, restate } = await enterRoom(member, own, leadership);
  onStop('room', () => room.leave());

  const service = member.session(SERVICE_RESOURCE, member.service);
  onStop('service address', () => service.stop());
  const desk = new CommandDesk({ ...parts, outbox: outboxOf(member, service, room, leadership) });
  onStop('commands', () => desk.stop());
  const door = new Door({ ...parts, member, room, desk, refusals });
  service.onRequest({ name: 'x', xmlns: NS_ENCRYPTED }, (request) => door.request(request));
  service.onMessage((message) => door.message(message));
  service.onPresence((presence) => door.presence(presence));
  service.onUnseen(({ error, from }) => refusals.note(error, from));
  await service.start(member.signal);
  watch(service);
  // Whoever left while we were away is not reported any more.
  service.on('online', () => {
    parts.roster.forgetPresence();
    restate();
  });
  return { desk, room, service };
}

type Lectern = {
  readonly room: Room;
  /** Says anew who leads, so that every task executor announces itself anew. */
  readonly restate: () => void;
};

async function enterRoom(member: Member, session: XmppSession, leadership: Leadership): Promise<Lectern> {
  const { settings, clock, log, random, signal } = member;
  const statement = async (): Promise<Element[]> => lettersElements(await leadership.statement());
  const room = await joinRoom(session, {
    room: member.room,
    nick: roomNick(settings.name, random),
    presence: await statement(),
    create: { whois: 'moderators', maxUsers: MAX_OCCUPANTS },
    log,
    clock,
    random,
  });
  let cancel = (): void => {};
  const plan = (ms: number): void => {
    cancel();
    if (!signal.aborted) cancel = clock.after(ms, restate);
  };
  const restate = (): void => {
    plan(LEADERSHIP_REPEAT_MS);
    statement()
      .then((elements) => room.updatePresence(...elements))
      .catch((error: unknown) => {
        log.warn({ code: codeOf(error) }, 'the leadership statement could not be repeated');
        plan(LEADERSHIP_RETRY_MS);
      });
  };
  plan(LEADERSHIP_REPEAT_MS);
  signal.addEventListener('abort', () => cancel(), { once: true });
  return { room, restate };
}

function outboxOf(member: Member, service: XmppSession, room: Room, leadership: Leadership): Outbox {
  const sealedTo = async (payload: Payload, recipient: Certificate): Promise<Element[]> =>
    lettersElements(await member.postbox.sealTo(payload, [recipient]));
  return {
    async toExecutor(jid, command, recipient, timeoutMs) {
      const [letter] = await sealedTo(command, recipient);
      await service.request(jid, 'set', letter!, { timeoutMs });
    },
    async toRoom(command) {
      await room.say(...lettersElements(await member.postbox.sealUnder(command, leadership.roomKey)));
    },
    async toRequester(jid, outcome, recipient) {
      await service.send(
        xml('message', { to: jid, type: 'normal' }, ...(await sealedTo(outcome, recipient))),
      );
    },
  };
}

type DoorParts = Omit<DeskParts, 'outbox'> & { room: Room; desk: CommandDesk; refusals: Refusals };

/** What arrives at the service address. */
class Door {
  readonly #parts: DoorParts;
  readonly #presences = new Map<string, Promise<void>>();

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** A request, a question about rights, or a wish to join; answered by a letter sealed to the sender. */
  async request({ from, element }: IncomingRequest): Promise<Element> {
    const { member } = this.#parts;
    try {
      const received = await this.#open(element, ['request', 'permissions', 'join'], from);
      const answer = await this.#answer(received, from);
      const [letter] = lettersElements(await member.postbox.sealTo(answer, [received.signer]));
      return letter!;
    } catch (thrown) {
      throw this.#refused(thrown, from);
    }
  }

  async #answer(received: Received<'request' | 'permissions' | 'join'>, from: string): Promise<Payload> {
    const { payload } = received;
    switch (payload.type) {
      case 'request':
        return this.#parts.desk.request({ ...received, payload }, from as FullJid);
      case 'permissions':
        return this.#parts.desk.permissions({ ...received, payload });
      case 'join':
        this.#parts.roster.heard({ ...received, payload });
        return admit({ ...received, payload }, this.#parts);
    }
  }

  async message({ from, type, element }: Incoming): Promise<void> {
    if (type === 'error') return;
    try {
      const { payload, ...rest } = await this.#open(element, ['result'], from);
      this.#parts.roster.heard({ payload, signer: rest.signer });
      if (!this.#parts.desk.result({ payload, ...rest }))
        throw new Mom4cError('M4C_UNEXPECTED', `a result of ${rest.signer.name} that nobody waits for`);
    } catch (thrown) {
      this.#refused(thrown, from);
    }
  }

  /** One after the other of each sender: the loss of a node must not be overtaken by what it said before. */
  presence(stanza: Incoming): Promise<void> {
    const { from } = stanza;
    const generation = this.#parts.roster.generation;
    const before = this.#presences.get(from) ?? Promise.resolve();
    const handled = before.then(() => this.#presence(stanza, generation));
    this.#presences.set(from, handled);
    return handled.finally(() => {
      if (this.#presences.get(from) === handled) this.#presences.delete(from);
    });
  }

  async #presence({ from, type, element }: Incoming, generation: number): Promise<void> {
    const { roster } = this.#parts;
    if (type === 'unavailable' || type === 'error') return roster.gone(from);
    if (type !== undefined) return;
    try {
      const received = await this.#open(element, ['presence'], from);
      if (generation === roster.generation) roster.announced(received, from);
    } catch (thrown) {
      if (generation === roster.generation) roster.unsigned(from);
      this.#refused(thrown, from);
    }
  }

  async #open<T extends 'request' | 'permissions' | 'join' | 'result' | 'presence'>(
    element: Element,
    expected: readonly T[],
    from: string,
  ): Promise<Received<T>> {
    const { member } = this.#parts;
    const sender = this.#senderOf(from);
    const letter = letterIn(element);
    if (!letter) throw new Mom4cError('M4C_NOT_SIGNED');
    const audience = { addresses: [member.service, member.address], rooms: [], name: member.settings.name };
    return member.postbox.open(letter, expected, audience, sender);
  }

  /** Cheapest first: what comes from outside of the domain is not even read. @throws Mom4cError M4C_NOT_HEARD */
  #senderOf(from: string): BareJid {
    const { local, domain } = parseJid(from);
    if (domain !== this.#parts.member.settings.domain)
      throw new Mom4cError('M4C_NOT_HEARD', 'from outside of the domain');
    return `${local}@${domain}`;
  }

  #refused(thrown: unknown, from: string): Mom4cError {
    const { member, refusals } = this.#parts;
    const error = member.errorOf(thrown);
    refusals.note(error, from);
    return error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Mom4cError ? error.code : 'M4C_INTERNAL';
}
