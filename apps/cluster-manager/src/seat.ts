/**
 * What a manager has whether it leads or stands by: its own session, in the room; an available session at the service
 * address, where signed presence arrives; and the key of the room, once the one who leads has handed it over.
 */
import { Mom4cError, VERSION, bareJid, compareEpochs, parseJid } from '@mom4c/core';
import type { Epoch, SessionKey } from '@mom4c/core';
import { SERVICE_RESOURCE, askToJoin, letterIn, lettersElements, roomNick } from '@mom4c/member';
import type { Member, OnStop, Refusals } from '@mom4c/member';
import { takeKey } from '@mom4c/messaging';
import type { PayloadOf } from '@mom4c/messaging';
import { joinRoom, xml } from '@mom4c/xmpp';
import type { OccupantPresence, Room, Silence, Spare, XmppSession } from '@mom4c/xmpp';
import { followAttendance } from './attendance.ts';
import type { AttendanceParts } from './attendance.ts';
import { STANDING_REPEAT_MS } from './standbys.ts';

/** More than any domain that one room is meant for; see docs, "Limits". */
const MAX_OCCUPANTS = 5000;
const STANDING_VALID_MS = 60_000;

export type SeatEvents = Omit<AttendanceParts, 'letters'> & {
  /** The task executor that became this manager. */
  readonly node: string | undefined;
  /** Something that decides whether this manager may stand has changed. */
  readonly onFit: () => void;
  /** A manager is not in the room any more. */
  readonly onManagerGone: (name: string) => void;
  /** @throws Mom4cError M4C_EPOCH: nobody has stated the generation that it claims */
  readonly admit: (statement: PayloadOf<'leadership'>) => void;
  /** A manager has said, signed, that it leads. */
  readonly onStatement: (statement: PayloadOf<'leadership'>) => void;
  /** A session is gone for good: somebody else has our name, or the server refuses us. */
  readonly onEnded: (error: Mom4cError) => void;
};

export class Seat {
  readonly own: XmppSession;
  /** `cm@D/cm1` */
  readonly service: XmppSession;
  readonly room: Room;
  /** For `cm@D/active`, which whoever takes over claims at once. */
  readonly spare: Spare;
  /** A server that is cut off without a word must be given up within the lease. */
  readonly silence: Silence;
  readonly #member: Member;
  readonly #refusals: Refusals;
  readonly #events: SeatEvents;
  readonly #started: number;
  /** Managers in the room, by nick: names. */
  readonly #managers = new Map<string, string>();
  /** Nick of whoever says that it leads. */
  #leading: string | undefined;
  #highest: Epoch | undefined;
  #roomKey: SessionKey | undefined;

  private constructor(
    sessions: Pick<Seat, 'own' | 'service' | 'room' | 'spare' | 'silence'>,
    member: Member,
    refusals: Refusals,
    events: SeatEvents,
  ) {
    this.own = sessions.own;
    this.service = sessions.service;
    this.room = sessions.room;
    this.spare = sessions.spare;
    this.silence = sessions.silence;
    this.#member = member;
    this.#refusals = refusals;
    this.#events = events;
    this.#started = member.clock.now();
    this.room.onOccupantPresence((presence) => this.#occupant(presence));
    this.room.onJoined(events.onFit);
    this.room.onLost(() => {
      this.#managers.clear();
      events.onFit();
    });
    for (const session of [this.own, this.service]) {
      session.on('online', events.onFit);
      session.on('offline', events.onFit);
    }
  }

  /** Resolves when it is in the room; keeps trying while the server cannot be reached. */
  static async take(
    member: Member,
    letters: AttendanceParts['letters'],
    refusals: Refusals,
    events: SeatEvents,
    { onStop, silence }: { onStop: OnStop; silence: Silence },
  ): Promise<Seat> {
    const open = async (name: string, session: XmppSession): Promise<XmppSession> => {
      onStop(name, () => session.stop());
      session.onUnseen(({ error, from }) => refusals.note(error, from));
      await session.start(member.signal);
      session.on('conflict', ({ error }) => events.onEnded(error));
      session.on('fatal', ({ error }) => events.onEnded(error));
      return session;
    };
    const own = await open('session', member.session('manager', { silence }));
    const { settings, random, log, clock } = member;
    const room = await joinRoom(own, {
      room: member.room,
      nick: roomNick(settings.name, random),
      create: { whois: 'moderators', maxUsers: MAX_OCCUPANTS },
      log,
      clock,
      random,
    });
    onStop('room', () => room.leave());
    const service = member.session(settings.name, { address: member.service, silence });
    followAttendance(service, { ...events, letters });
    // Whoever left while we were away is not reported any more.
    service.on('online', () => {
      events.roster.forgetPresence();
      service.sendPresence().catch(() => {});
    });
    await open('service address', service);
    const spare = member.spare(SERVICE_RESOURCE, member.service);
    onStop('spare', () => spare.stop());
    const seat = new Seat({ own, service, room, spare, silence }, member, refusals, events);
    onStop('standing', () => seat.#sayGoodbye());
    return seat;
  }

  /** Can everybody who matters be reached? */
  get connected(): boolean {
    return this.own.online && this.service.online && this.room.joined;
  }

  /** As far as the room shows. */
  hasManager(name: string): boolean {
    return [...this.#managers.values()].includes(name);
  }

  /** Of which anybody has said in the room that it leads under it. */
  get highest(): Epoch | undefined {
    return this.#highest;
  }

  get roomKey(): SessionKey | undefined {
    return this.#roomKey;
  }

  set roomKey(key: SessionKey) {
    this.#roomKey = key;
    this.#member.keys.add(key);
  }

  /** Says again and again, until the member stops, how this manager stands. @returns says it now */
  sayStanding(standing: () => Pick<PayloadOf<'standing'>, 'lag' | 'ready'>): () => void {
    const { clock, signal, log } = this.#member;
    let cancel = (): void => {};
    const say = (): void => {
      cancel();
      if (signal.aborted) return;
      cancel = clock.after(STANDING_REPEAT_MS, say);
      if (!this.own.online) return;
      this.#announce(standing()).catch((thrown: unknown) => {
        const { code, detail } = this.#member.errorOf(thrown);
        log.debug({ code, detail }, 'standing not said');
      });
    };
    signal.addEventListener('abort', () => cancel(), { once: true });
    say();
    return say;
  }

  /** So that the end of the session is not taken for a loss. */
  async #sayGoodbye(): Promise<void> {
    if (this.own.online) await this.#announce({ ready: false }, true).catch(() => {});
  }

  async #announce(standing: Pick<PayloadOf<'standing'>, 'lag' | 'ready'>, leaving = false): Promise<void> {
    const { clock, address, service, newId, postbox } = this.#member;
    const time = clock.now();
    const node = this.#events.node;
    const letter = await postbox.sign({
      type: 'standing',
      id: newId(),
      from: address,
      to: service,
      time,
      expires: time + STANDING_VALID_MS,
      version: VERSION,
      started: this.#started,
      node,
      ...standing,
      ...(leaving && { leaving }),
    });
    const children = lettersElements(letter);
    await this.own.sendPresence({ to: service, ...(leaving && { type: 'unavailable' }), children });
  }

  /** Managers are the room's moderators, and nobody else is shown. */
  async #occupant({ available, role, self, nick, jid, children }: OccupantPresence): Promise<void> {
    if (self) return;
    const name = jid === undefined ? this.#managers.get(nick) : parseJid(bareJid(jid)).local;
    if (!available) {
      this.#managers.delete(nick);
      if (name !== undefined && !this.hasManager(name)) this.#events.onManagerGone(name);
      return;
    }
    if (role !== 'moderator' || name === undefined) return;
    this.#managers.set(nick, name);
    const letter = letterIn(xml('presence', {}, ...children));
    if (!letter) {
      // It has stepped down, and may not have been able to give its lease back.
      if (this.#leading === nick) this.#events.onManagerGone(name);
      return;
    }
    const { postbox, room, settings } = this.#member;
    try {
      const audience = { addresses: [], rooms: [room], name: settings.name };
      const { payload, signer } = await postbox.open(letter, ['leadership'], audience);
      if (payload.manager !== signer.name)
        throw new Mom4cError('M4C_SENDER_MISMATCH', `${signer.name} says that ${payload.manager} leads`);
      this.#leading = nick;
      this.#follow(payload);
    } catch (thrown) {
      this.#refusals.note(this.#member.errorOf(thrown), nick);
    }
  }

  #follow(statement: PayloadOf<'leadership'>): void {
    this.#events.admit(statement);
    if (this.#highest && compareEpochs(statement.epoch, this.#highest) < 0) throw new Mom4cError('M4C_EPOCH');
    this.#highest = statement.epoch;
    this.#events.onStatement(statement);
    if (statement.key !== this.#roomKey?.id) void this.#fetchKey();
  }

  /** Without it a take-over makes a new one, and every task executor has to join anew: slower, no more. */
  async #fetchKey(): Promise<void> {
    const { log, errorOf } = this.#member;
    try {
      this.roomKey = takeKey((await askToJoin(this.#member, this.own)).key);
    } catch (thrown) {
      const { code, detail } = errorOf(thrown);
      log.warn({ code, detail }, "the room's key was not handed over");
    }
  }
}
