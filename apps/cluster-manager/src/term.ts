/**
 * One term of leading, from the lease to its loss: the statement in the room, the journal under the new epoch, the desk,
 * and the address `cm@D/active`, to which requests and results go.
 *
 * INVARIANTS:
 * - Nothing is accepted, sent or said before the journal has the term's `lead`, nor once the lease may have run out. The
 *   address is claimed meanwhile: what arrives at it waits.
 * - What was unfinished when the term began is adopted before anything new is accepted.
 * - Losing `cm@D/active` to somebody newer ends the term; the address is never fought for.
 */
import { Mom4cError } from '@mom4c/core';
import type { Epoch, FullJid, SharedJournal } from '@mom4c/core';
import { NS_ENCRYPTED, SERVICE_RESOURCE } from '@mom4c/member';
import type { Refusals } from '@mom4c/member';
import { newSessionKey } from '@mom4c/messaging';
import type { Payload } from '@mom4c/messaging';
import type { Incoming, XmppSession } from '@mom4c/xmpp';
import { ActiveAddress } from './active-address.ts';
import type { ActiveAddressEvents } from './active-address.ts';
import { admit } from './admission.ts';
import { Beginning } from './beginning.ts';
import { Callers } from './callers.ts';
import { CommandDesk } from './command-desk.ts';
import type { DeskParts } from './command-desk.ts';
import type { Events } from './events.ts';
import { Leadership } from './leadership.ts';
import { openLectern } from './lectern.ts';
import type { Lectern } from './lectern.ts';
import type { Letters } from './letters.ts';
import { outboxOf } from './outbox.ts';
import { reception } from './reception.ts';
import type { Question } from './reception.ts';
import type { Seat } from './seat.ts';
import { Subscriptions } from './subscriptions.ts';

export type TermParts = Omit<DeskParts, 'outbox' | 'leadership' | 'eventsPort'> & {
  readonly events: Events;
  readonly seat: Seat;
  readonly letters: Letters;
  readonly refusals: Refusals;
  readonly journal: SharedJournal;
  readonly epoch: Epoch;
  readonly stated: string | undefined;
  readonly holds: () => boolean;
  readonly standbys: () => readonly string[];
  /** Names of the managers that are there, besides this one. */
  readonly managersHere: () => readonly string[];
  /** Keeps the standbys that are wanted, until it is ended. */
  readonly keepReserve: (desk: CommandDesk) => () => void;
  readonly addressEvents: ActiveAddressEvents;
  /** Who asked for something a short while ago, the latest last. */
  readonly recentCallers: () => readonly FullJid[];
};

export class Term {
  readonly desk: CommandDesk;
  readonly #lectern: Lectern;
  readonly subscriptions: Subscriptions;
  readonly #parts: TermParts;
  readonly #leadership: Leadership;
  readonly #active: XmppSession;
  readonly #address: ActiveAddress;
  readonly #callers: Callers;
  readonly #ended = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];
  readonly #whenOpen = Promise.withResolvers<void>();
  readonly #beginning: Beginning;
  /** To what was adopted. */
  #answersReachUs = false;

  constructor(parts: TermParts) {
    const { member, seat, epoch, stated, holds, standbys, journal, refusals } = parts;
    this.#parts = parts;
    // First of all: everything waits for it, and it is on its way while the rest is made.
    this.#beginning = new Beginning({
      ...{ epoch, journal, clock: member.clock, random: member.random, ended: this.#ended.signal },
      adopt: () => this.#adopt(),
      onFailed(thrown) {
        const { code, detail } = member.errorOf(thrown);
        member.log.warn({ epoch, code, detail }, 'the journal does not take the new epoch, trying on');
      },
    });
    const roomKey = seat.roomKey ?? newSessionKey(member.random);
    seat.roomKey = roomKey;
    this.#leadership = new Leadership(member, { epoch, stated, roomKey, holds, standbys });
    const outbox = outboxOf(member, seat.service, seat.room, this.#leadership);
    const { log } = parts.events;
    const desk = { ...parts, leadership: this.#leadership, outbox, eventsPort: log };
    this.desk = new CommandDesk(desk);
    this.#lectern = openLectern(member, seat.room, this.#leadership);
    const { silence, spare } = seat;
    this.#active = member.session(SERVICE_RESOURCE, { address: member.service, silence, spare });
    this.#callers = new Callers(this.#active);
    this.subscriptions = new Subscriptions({
      ...{ member, log, policy: parts.policy, leadership: this.#leadership },
      ...{ session: this.#active, managers: parts.managersHere },
    });
    this.#active.onPresence(({ from, type }) => {
      if (type === 'unavailable' || type === 'error') this.subscriptions.gone(from);
    });
    this.#active.onUnseen(({ error, from }) => refusals.note(error, from));
    const answering = reception({
      ...{ letters: parts.letters, postbox: member.postbox, beginning: this.#beginning },
      check: () => this.#check(),
      onCaller: (caller) => this.#callers.greet(caller),
      answer: (question, from) => this.#answer(question, from),
    });
    this.#active.onRequest({ name: 'x', xmlns: NS_ENCRYPTED }, answering);
    this.#address = new ActiveAddress(this.#active, parts.addressEvents);
    // Before `active` is claimed the server hands what is for it to the other sessions of its address.
    for (const session of [this.#active, seat.service])
      this.#unsubscribe.push(session.onMessage((message) => this.#message(message)));
    // After an outage whoever is here says so again.
    this.#unsubscribe.push(seat.service.on('online', () => this.#lectern.restate()));
    this.#unsubscribe.push(journal.onAdopted((entry) => void this.desk.adopt([entry])));
    this.#whenOpen.promise.catch(() => {});
    this.#active.on('online', () => this.#callers.greet(...parts.recentCallers()));
    const claimed = this.#active.start(this.#ended.signal);
    void this.#open(claimed);
  }

  get epoch(): Epoch {
    return this.#parts.epoch;
  }

  /** Resolves when requests are taken; rejects if the term ends before. */
  get open(): Promise<void> {
    return this.#whenOpen.promise;
  }

  get online(): boolean {
    return this.#active.online;
  }

  /** What is under way stays in the journal. */
  async close(): Promise<void> {
    await Promise.all([this.#end('M4C_NO_MANAGER'), this.#address.leave()]);
  }

  /** The lease has run out, and without a majority nobody can take it: whoever asks is told so, until the term is closed or
   *  somebody else has the address. @returns false: it has lost the address as well, and is closed */
  async retire(): Promise<boolean> {
    await Promise.all([this.#end('M4C_NO_QUORUM'), this.#address.keep()]);
    return this.online;
  }

  /** Managers have come, become ready, or gone. */
  standbysChanged(): void {
    this.#lectern.amend();
    this.subscriptions.publish();
  }

  /** @param code what whoever asks is told from now on */
  async #end(code: 'M4C_NO_MANAGER' | 'M4C_NO_QUORUM'): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(new Mom4cError(code));
    this.#whenOpen.reject(new Mom4cError('M4C_STOPPED'));
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.desk.stop();
    this.subscriptions.stop();
    this.#parts.events.end();
    await this.#lectern.stop();
  }

  /** @throws Mom4cError what the journal throws */
  async #adopt(): Promise<void> {
    this.#answersReachUs = this.#active.online;
    await this.desk.adopt(await this.#parts.journal.unfinished());
  }

  /** @param claimed rejects if the address cannot be claimed */
  async #open(claimed: Promise<void>): Promise<void> {
    const { member, epoch } = this.#parts;
    const { signal } = this.#ended;
    claimed.catch(() => {});
    await this.#beginning.settled;
    if (signal.aborted) return;
    this.#lectern.begin();
    try {
      await claimed;
      if (!this.#answersReachUs) this.desk.sendAgain();
      if (!signal.aborted) this.#unsubscribe.push(this.#parts.keepReserve(this.desk));
      this.#whenOpen.resolve();
      member.log.info({ epoch }, 'leads');
      if (!signal.aborted) this.#tellEvents();
    } catch (thrown) {
      // Taken from us (`onConflict` knows), or the term has ended.
      member.log.info({ epoch, code: member.errorOf(thrown).code }, 'the service address was not claimed');
    }
  }

  #tellEvents(): void {
    const { events, epoch } = this.#parts;
    this.#unsubscribe.push(events.onNew(() => this.subscriptions.publish()));
    events.begin(`${epoch.generation}.${epoch.counter}`);
    this.subscriptions.publish();
  }

  /** @throws Mom4cError M4C_NO_MANAGER; M4C_NO_QUORUM: nobody can lead */
  #check(): void {
    this.#ended.signal.throwIfAborted();
    this.#leadership.check();
  }

  async #answer(question: Question, from: FullJid): Promise<Payload> {
    const { payload } = question;
    const { member, seat, roster } = this.#parts;
    switch (payload.type) {
      case 'request':
        return this.desk.request({ ...question, payload }, from);
      case 'permissions':
        return this.desk.permissions({ ...question, payload });
      case 'subscribe':
        return this.subscriptions.subscribe({ ...question, payload }, from);
      case 'join':
        if (question.signer.role === 'te') roster.heard({ ...question, payload });
        return admit({ ...question, payload }, { member, room: seat.room, leadership: this.#leadership });
    }
  }

  async #message({ from, type, element }: Incoming): Promise<void> {
    if (type === 'error') return this.subscriptions.gone(from as FullJid);
    const { letters, roster } = this.#parts;
    try {
      const { payload, ...rest } = await letters.open(element, ['result'], from);
      roster.heard({ payload, signer: rest.signer });
      if (!this.desk.result({ payload, ...rest }))
        throw new Mom4cError('M4C_UNEXPECTED', `a result of ${rest.signer.name} that nobody waits for`);
    } catch (thrown) {
      letters.refused(thrown, from);
    }
  }
}
