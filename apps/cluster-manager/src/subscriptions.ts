/**
 * Events on their way to whoever watches, and to the managers that stand by, for one term of leading.
 *
 * INVARIANTS:
 * - Nothing is kept for a watcher but its place in the log: who is slow, or away, costs nobody else anything.
 * - To each at most one message is on its way. It names the event before it, so that a loss shows.
 * - A subscription that is not renewed ends; its number is bounded, of each person and in all; and each renewal is authorised
 *   anew.
 */
import { Mom4cError, authorise } from '@mom4c/core';
import type { BareJid, Certificate, EventRecord, EventSeverity, FullJid, Uuid } from '@mom4c/core';
import { events as eventsCommand } from '@mom4c/commands';
import type { Policy } from '@mom4c/access';
import { currentManagers, lettersElements } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { PayloadOf, Received } from '@mom4c/messaging';
import { xml } from '@mom4c/xmpp';
import type { XmppSession } from '@mom4c/xmpp';
import type { EventLog, Place } from './event-log.ts';
import type { Leadership } from './leadership.ts';

/** A watcher renews it three times in that time. */
const LIFETIME_MS = 60_000;
const MAX_OF_ONE = 5;
const MAX_SUBSCRIPTIONS = 100;
const VALID_MS = 60_000;

type Feed = {
  readonly recipient: Certificate;
  readonly to: BareJid;
  readonly severity: EventSeverity;
  readonly person: string;
  /** On the monotonic clock. */
  readonly until: number;
  place: Place;
  last: Uuid | undefined;
  busy: boolean;
};

export type SubscriptionParts = {
  readonly member: Member;
  /** From which messages are sent. */
  readonly session: XmppSession;
  readonly log: EventLog;
  readonly leadership: Leadership;
  readonly policy: Policy;
  /** Names of the managers that are there, besides this one. */
  readonly managers: () => readonly string[];
};

export class Subscriptions {
  readonly #parts: SubscriptionParts;
  readonly #feeds = new Map<FullJid, Feed>();
  #stopped = false;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
  }

  /** Of watchers. */
  get size(): number {
    this.#endOld();
    return [...this.#feeds.values()].filter(({ recipient }) => recipient.role !== 'cm').length;
  }

  /** @throws Mom4cError M4C_FORBIDDEN, M4C_BUSY */
  subscribe({ payload, signer }: Received<'subscribe'>, from: FullJid): PayloadOf<'subscribed'> {
    const { member, log, leadership, policy } = this.#parts;
    const { onBehalfOf, severity = 'info', after, since } = payload;
    authorise(eventsCommand, () => policy.permits({ role: signer.role, onBehalfOf }, eventsCommand));
    const person = onBehalfOf ?? signer.name;
    this.#endOld();
    if (!this.#feeds.has(from)) {
      if (this.size >= MAX_SUBSCRIPTIONS) throw new Mom4cError('M4C_BUSY', `${MAX_SUBSCRIPTIONS} watch`);
      if ([...this.#feeds.values()].filter((one) => one.person === person).length >= MAX_OF_ONE)
        throw new Mom4cError('M4C_BUSY', `${person} watches ${MAX_OF_ONE} times`);
    }
    const [place, isUnknown] = this.#placeOf(after, since);
    const part = log.after(place, severity);
    // Whoever wants what comes from now on misses nothing of before.
    const gap = isUnknown || (after !== undefined && part.gap);
    const last = part.events.at(-1)?.id ?? after;
    const until = member.clock.monotonic() + LIFETIME_MS;
    this.#feeds.set(from, {
      ...{ recipient: signer, to: payload.from, severity, person, until },
      ...{ place: part.place, last, busy: false },
    });
    const time = member.clock.now();
    return {
      ...{ type: 'subscribed', id: payload.id, from: member.service, to: payload.from, time },
      ...{ expires: time + VALID_MS, epoch: leadership.epoch, lifetime: LIFETIME_MS },
      ...{ events: [...part.events], gap, more: part.more, last },
    };
  }

  /** Its session is gone. */
  gone(jid: FullJid): void {
    this.#feeds.delete(jid);
  }

  /** There is something new, or a manager has come. */
  publish(): void {
    this.#followManagers();
    for (const [jid, feed] of this.#feeds) if (!feed.busy) void this.#feed(jid, feed);
  }

  stop(): void {
    this.#stopped = true;
    this.#feeds.clear();
  }

  #placeOf(after: Uuid | undefined, since: number | undefined): [place: Place, isUnknown: boolean] {
    const { log } = this.#parts;
    const known = after === undefined ? undefined : log.placeOf(after);
    if (known !== undefined) return [known, false];
    if (after !== undefined)
      // The time is in the id (RFC 9562 §5.7).
      return [log.placeBefore(Number.parseInt(after.replace('-', '').slice(0, 12), 16)), true];
    return [since === undefined ? log.end : log.placeBefore(since), false];
  }

  /** All that each does not have: at first all that there is. */
  #followManagers(): void {
    const { service } = this.#parts.member;
    const here = new Map(this.#parts.managers().map((name) => [name, `${service}/${name}`]));
    const jids = new Set(here.values());
    for (const [jid, { recipient }] of this.#feeds)
      if (recipient.role === 'cm' && !jids.has(jid)) this.#feeds.delete(jid);
    if ([...jids].every((jid) => this.#feeds.has(jid))) return;
    currentManagers(this.#parts.member)
      .then((certificates) => {
        for (const recipient of certificates) {
          const jid = here.get(recipient.name);
          if (jid === undefined || this.#feeds.has(jid) || this.#stopped) continue;
          const feed: Feed = {
            // A manager takes what is for the common address.
            ...{ recipient, to: service, severity: 'info', person: recipient.name },
            until: Number.POSITIVE_INFINITY,
            ...{ place: 0, last: undefined, busy: false },
          };
          this.#feeds.set(jid, feed);
          void this.#feed(jid, feed);
        }
      })
      .catch((thrown: unknown) => this.#failed(thrown, 'the managers that stand by'));
  }

  #endOld(): void {
    const now = this.#parts.member.clock.monotonic();
    for (const [jid, { until }] of this.#feeds) if (until <= now) this.#feeds.delete(jid);
  }

  /** Until it has all. */
  async #feed(jid: FullJid, feed: Feed): Promise<void> {
    const { log, member } = this.#parts;
    feed.busy = true;
    try {
      while (this.#feeds.get(jid) === feed && feed.until > member.clock.monotonic()) {
        const { events, place, gap } = log.after(feed.place, feed.severity);
        const isFirst = feed.place === 0;
        feed.place = place;
        if (events.length === 0) break;
        await this.#send(jid, feed, events, gap && !isFirst);
        feed.last = events.at(-1)!.id;
      }
    } catch (thrown) {
      // It asks again for what it lacks; a manager gets it all with the next one.
      if (this.#feeds.get(jid) === feed) this.#feeds.delete(jid);
      this.#failed(thrown, jid);
    } finally {
      feed.busy = false;
    }
  }

  async #send(
    jid: FullJid,
    { recipient, to, last }: Feed,
    events: readonly EventRecord[],
    gap: boolean,
  ): Promise<void> {
    const { member, session, leadership } = this.#parts;
    const { clock, newId, postbox, service } = member;
    const time = clock.now();
    const payload: PayloadOf<'events'> = {
      ...{ type: 'events', id: newId(), from: service, to, time, expires: time + VALID_MS },
      ...{ epoch: leadership.epoch, after: last, events: [...events], gap },
    };
    const letter = await postbox.sealTo(payload, [recipient]);
    leadership.check();
    await session.send(xml('message', { to: jid, type: 'normal' }, ...lettersElements(letter)));
  }

  #failed(thrown: unknown, to: string): void {
    const { code, detail } = this.#parts.member.errorOf(thrown);
    this.#parts.member.log.debug({ code, detail, to }, 'events were not sent');
  }
}
