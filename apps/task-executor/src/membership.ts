/**
 * Being part of the cluster: ask the active manager to be let in, take the room's key, join the room, announce oneself.
 *
 * INVARIANTS:
 * - Nothing is obeyed before a leadership statement has been seen, nor under an epoch lower than the highest that this node,
 *   in any of its lives, has seen of that domain. A higher one is obeyed before its statement is seen, but one of a higher
 *   generation only after the authority's statement, which comes with that or with the admission.
 * - A manager whose epoch is refused learns that this node is here, so that its commands are refused in so many words.
 * - Whenever the session, the manager or its key is new, all of it is done again, ever more slowly while it fails; at
 *   most one attempt is under way, and a reason that comes up meanwhile leads to another one.
 */
import { Mom4cError, VERSION, jitteredBackoff, pause } from '@mom4c/core';
import type { Certificate, Epoch, Labels } from '@mom4c/core';
import { NamedManagers, askToJoin, letterIn, lettersElements, roomNick } from '@mom4c/member';
import type { Member, Refusals } from '@mom4c/member';
import { takeKey } from '@mom4c/messaging';
import type { PayloadOf } from '@mom4c/messaging';
import { readGeneration } from '@mom4c/pki';
import { joinRoom, xml } from '@mom4c/xmpp';
import type { Listener, OccupantPresence, Room, RoomMessage, XmppSession } from '@mom4c/xmpp';
import type { ExecutionRecord } from './execution-record.ts';

const BACKOFF = { baseMs: 500, capMs: 15_000 };
const PRESENCE_VALID_MS = 24 * 3_600_000;
/** A whole cluster hears a statement at the same moment; its announcements are spread over this. */
const ANNOUNCE_WITHIN_MS = 1000;
/** A node that may become a manager says anew how much it has to do. */
const LOAD_REPEAT_MS = 60_000;

/** What a node says of the manager that it may become. */
export type AnnouncedManager = NonNullable<PayloadOf<'presence'>['manager']>;

export class Membership {
  readonly #member: Member;
  readonly #managers: NamedManagers;
  readonly #session: XmppSession;
  readonly #started: number;
  readonly #labels: Labels;
  readonly #manager: () => AnnouncedManager | undefined;
  readonly #refusals: Refusals;
  readonly #record: Pick<ExecutionRecord, 'admitEpoch'>;
  readonly #onRoomMessage: Listener<RoomMessage>;
  #room: Room | undefined;
  #leadership: PayloadOf<'leadership'> | undefined;
  /** Nick of whoever said so, for as long as it is in the room. */
  #leader: string | undefined;
  #announced = false;
  /** A reason to go through it (again) is counted; the loop runs until it has served the latest. */
  #wanted = 0;
  #served = 0;
  #loop: Promise<void> | undefined;
  #cancelAnnouncement = (): void => {};
  readonly #whenJoined = Promise.withResolvers<void>();

  constructor(
    member: Member,
    session: XmppSession,
    refusals: Refusals,
    record: Pick<ExecutionRecord, 'admitEpoch'>,
    labels: Labels,
    manager: () => AnnouncedManager | undefined,
    onRoomMessage: Listener<RoomMessage>,
  ) {
    this.#member = member;
    this.#managers = new NamedManagers(member);
    this.#labels = labels;
    this.#manager = manager;
    this.#session = session;
    this.#refusals = refusals;
    this.#record = record;
    this.#started = member.clock.now();
    this.#onRoomMessage = onRoomMessage;
    session.on('online', () => {
      // Whoever left meanwhile is not reported any more.
      this.#leader = undefined;
      this.#want();
    });
    member.signal.addEventListener('abort', () => this.#cancelAnnouncement(), { once: true });
  }

  /** Resolves when the node is in the room, announced, and knows its manager, for the first time. */
  get joined(): Promise<void> {
    return this.#whenJoined.promise;
  }

  get isMember(): boolean {
    return this.#announced && this.#leadership !== undefined && this.#room?.joined === true;
  }

  /** Is the manager there whose statement holds? */
  get isLed(): boolean {
    const { expires = 0 } = this.#leadership ?? {};
    return (
      this.#session.online &&
      this.isMember &&
      this.#leader !== undefined &&
      expires > this.#member.clock.now()
    );
  }

  /** @param issuer the domain whose manager says it @throws Mom4cError M4C_EPOCH, M4C_NO_MANAGER, M4C_RECORD */
  checkEpoch(issuer: string, epoch: Epoch): void {
    // Of the generations of other domains nothing is stated to us.
    const isOwn = issuer === this.#member.settings.domain;
    this.#record.admitEpoch(issuer, epoch, isOwn ? undefined : () => epoch.generation);
    if (!this.#leadership) throw new Mom4cError('M4C_NO_MANAGER', 'no leadership statement was seen yet');
    if (this.#leadership.expires <= this.#member.clock.now())
      throw new Mom4cError('M4C_NO_MANAGER', 'the last leadership statement has expired');
  }

  /** Something that the node says of itself has changed. */
  amend(): void {
    if (this.#announced && this.#session.online) this.#announceWithin(0);
  }

  /** The certificates of all current managers: whoever has taken over can open an answer. */
  managers(): Promise<readonly Certificate[]> {
    return this.#managers.find(this.#leadership?.managers);
  }

  /** When the member's signal has been aborted. */
  async leave(): Promise<void> {
    await this.#loop;
    await this.#sayGoodbye();
    await this.#room?.leave();
  }

  /** So that the end of the session is not taken for a loss. */
  async #sayGoodbye(): Promise<void> {
    if (this.#announced && this.#session.online) await this.#announce(true).catch(() => {});
  }

  #want(): void {
    this.#wanted += 1;
    this.#announced = false;
    this.#start();
  }

  get #isWanted(): boolean {
    return this.#served !== this.#wanted && !this.#member.signal.aborted && this.#session.online;
  }

  #start(): void {
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      // A reason may have come up between the loop's last look and here.
      if (this.#isWanted) this.#start();
    });
  }

  async #run(): Promise<void> {
    const { clock, random, log, errorOf, signal } = this.#member;
    const backoff = jitteredBackoff({ ...BACKOFF, random });
    let reported: string | undefined;
    while (this.#isWanted) {
      const serving = this.#wanted;
      try {
        await this.#enter();
        this.#served = serving;
        backoff.reset();
      } catch (thrown) {
        const error = errorOf(thrown);
        if (reported !== error.code)
          log.warn({ code: error.code, detail: error.detail }, 'not in the cluster, trying on');
        reported = error.code;
        await pause(backoff.next(), clock, signal);
      }
    }
  }

  async #enter(): Promise<void> {
    const member = this.#member;
    const joined = await askToJoin(member, this.#session);
    const { key, epoch } = joined;
    this.#admit(joined);
    member.keys.add(takeKey(key));
    this.#room ??= await this.#joinRoom();
    await this.#announce();
    this.#announced = true;
    member.log.info({ epoch, room: this.#room.room }, 'in the cluster');
    if (this.#leadership) this.#whenJoined.resolve();
  }

  async #joinRoom(): Promise<Room> {
    const { room, settings, log, clock, random } = this.#member;
    const joined = await joinRoom(this.#session, {
      room,
      nick: roomNick(settings.name, random),
      log,
      clock,
      random,
    });
    // Gets the moderators as well that were shown while we joined.
    joined.onOccupantPresence((presence) => this.#occupant(presence));
    joined.onMessage(this.#onRoomMessage);
    // The room may have been made anew, without us among its members.
    joined.onLost(() => {
      this.#leader = undefined;
      this.#want();
    });
    return joined;
  }

  /** Only moderators are shown, and of these only a signed statement of a manager counts. */
  async #occupant({ available, role, children, nick }: OccupantPresence): Promise<void> {
    const { postbox, room, settings } = this.#member;
    if (!available && nick === this.#leader) this.#leader = undefined;
    if (!available || role !== 'moderator') return;
    try {
      const letter = letterIn(xml('presence', {}, ...children));
      if (!letter) return;
      const audience = { addresses: [], rooms: [room], name: settings.name };
      const { payload } = await postbox.open(letter, ['leadership'], audience);
      this.#follow(payload);
      this.#leader = nick;
    } catch (thrown) {
      this.#refusals.note(this.#member.errorOf(thrown), nick);
    }
  }

  /** @throws Mom4cError M4C_EPOCH, M4C_RECORD; as `readGeneration` */
  #admit({ epoch, stated }: Pick<PayloadOf<'leadership' | 'joined'>, 'epoch' | 'stated'>): void {
    const { authority, settings } = this.#member;
    const { domain } = settings;
    try {
      const read =
        stated === undefined
          ? undefined
          : () => readGeneration(Buffer.from(stated, 'base64'), { authority, domain }).generation;
      this.#record.admitEpoch(domain, epoch, read);
    } catch (thrown) {
      this.#announceSoon();
      throw thrown;
    }
  }

  #follow(statement: PayloadOf<'leadership'>): void {
    this.#admit(statement);
    const isNew = statement.id !== this.#leadership?.id;
    this.#leadership = statement;
    if (this.#announced) this.#whenJoined.resolve();
    if (!this.#member.keys.has(statement.key)) this.#want();
    // The manager says it anew when it may have missed who is here.
    else if (isNew && this.#announced) this.#announceSoon();
  }

  #announceSoon(): void {
    const share = Buffer.from(this.#member.random.bytes(2)).readUInt16BE() / 0x1_0000;
    this.#announceWithin(share * ANNOUNCE_WITHIN_MS);
  }

  #announceWithin(ms: number): void {
    const { clock, log } = this.#member;
    this.#cancelAnnouncement();
    this.#cancelAnnouncement = clock.after(ms, () => {
      this.#announce().catch((thrown: unknown) => {
        const { code, detail } = this.#member.errorOf(thrown);
        log.warn({ code, detail }, 'not announced');
      });
    });
  }

  async #announce(leaving = false): Promise<void> {
    const { postbox, service } = this.#member;
    const head = this.#headFor(PRESENCE_VALID_MS);
    const manager = this.#manager();
    const presence = await postbox.sign({
      type: 'presence',
      ...head,
      version: VERSION,
      started: this.#started,
      labels: this.#labels,
      manager,
      ...(leaving && { leaving }),
    });
    // To the bare address: managers that stand by shall know who is here as well.
    const children = lettersElements(presence);
    await this.#session.sendPresence({ to: service, ...(leaving && { type: 'unavailable' }), children });
    if (manager && !leaving) this.#announceWithin(LOAD_REPEAT_MS);
  }

  #headFor(valid: number) {
    const { clock, address, service, newId } = this.#member;
    const time = clock.now();
    return { id: newId(), from: address, to: service, time, expires: time + valid };
  }
}
