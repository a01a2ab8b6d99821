/**
 * Being in a room (XEP-0045).
 *
 * INVARIANTS
 * - Once joined, the room is wanted until `leave`: after a reconnection, a kick or a restart of the room service it is
 *   joined again, with the latest presence, ever more slowly while that fails.
 * - A room is never made by accident: without `create`, one that did not exist is taken down again at once.
 * - What occupants send is taken in the turns of the session, each occupant's share for itself, until the listeners are
 *   done with it.
 * - Where we are an owner and know the configuration, it is applied at each join, before anything else is done there.
 */
import {
  jitteredBackoff,
  Mom4cError,
  systemClock,
  systemRandom,
  type BareJid,
  type Clock,
  type ErrorCode,
  type Log,
  type Random,
} from '@mom4c/core';
import { xml, type Child, type Element } from './element.ts';
import type { Incoming } from './incoming.ts';
import { createListeners, type Listener } from './listeners.ts';
import {
  adminQuery,
  filledConfig,
  joinPresence,
  nickIn,
  occupantPresence,
  ownerQuery,
  STATUS_CREATED,
  STATUS_RENAMED,
  type Affiliation,
  type OccupantPresence,
  type RoomConfig,
} from './muc.ts';
import { describeStanzaError } from './stanza-error.ts';
import type { XmppSession } from './session.ts';

export type RoomSettings = {
  readonly room: BareJid;
  readonly nick: string;
  /** Beside the room's own elements in our presence: the signed presence, say. */
  readonly presence?: readonly Child[];
  /** Makes the room if it is not there, and configures it where we are its owner. */
  readonly create?: RoomConfig;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: Random;
};

export type RoomMessage = {
  readonly nick: string;
  /** What the room shows now of who speaks; undefined where it shows nothing of that occupant. */
  readonly speaker: OccupantPresence | undefined;
  readonly element: Element;
};

export type Room = {
  readonly room: BareJid;
  readonly nick: string;
  readonly joined: boolean;
  /** To all in the room. @throws Mom4cError M4C_XMPP_OFFLINE, M4C_ROOM (not in it now), M4C_TOO_LARGE */
  say(...children: readonly Child[]): Promise<void>;
  /** Replaces the children of our presence, now and at each later join. */
  updatePresence(...children: readonly Child[]): Promise<void>;
  /** Owners only. @throws Mom4cError */
  setAffiliation(jid: BareJid, affiliation: Affiliation): Promise<void>;
  /** Gets those that are there first, then each change. With `onLost` all that were there are forgotten. */
  onOccupantPresence(listener: Listener<OccupantPresence>): () => void;
  onMessage(listener: Listener<RoomMessage>): () => void;
  /** In it, after `joinRoom` or again. */
  onJoined(listener: Listener<void>): () => void;
  /** Out of it, against our will; it is joined again by itself. */
  onLost(listener: Listener<Mom4cError>): () => void;
  leave(): Promise<void>;
};

const JOIN_MS = 20_000;
/** How often, and how many times, a room that somebody else is making is tried. */
const LOCKED_MS = 250;
const LOCKED_TRIES = 40;
const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 30_000;

/** Resolves when the room has confirmed us (status 110).
 *  @throws Mom4cError M4C_ROOM with the room's condition, M4C_TIMEOUT, M4C_XMPP_OFFLINE */
export async function joinRoom(session: XmppSession, settings: RoomSettings): Promise<Room> {
  const { room, nick, create, log, clock = systemClock, random = systemRandom } = settings;
  const occupant = `${room}/${nick}`;
  let presence = settings.presence ?? [];
  let joined = false;
  /** The room counts us in; `joined` comes after the configuration. */
  let inside = false;
  /** From the first success on: until then a failure is the caller's to judge. */
  let wanted = false;
  /** Waits for the answer to our join presence. */
  let joining: { resolve(self: OccupantPresence): void; reject(error: Mom4cError): void } | undefined;
  /** The answer to come is that to a change of nick; see `beginAnew`. */
  let renamed = false;
  const notFound = `item-not-found: ${room}`;
  let cancelRetry = (): void => {};

  /** Whose presence the room shows us now. */
  const present = new Map<string, OccupantPresence>();
  const occupants = createListeners<OccupantPresence>('occupant', log);
  const messages = createListeners<RoomMessage>('room message', log);
  const joins = createListeners<void>('joined', log);
  const losses = createListeners<Mom4cError>('lost', log);

  const subscriptions = [
    session.shareByOccupant(room),
    session.onPresence(onPresence),
    session.onMessage(onMessage),
    session.on('online', () => {
      if (wanted) rejoin();
    }),
    session.on('offline', ({ error }) => lose(error)),
    session.on('conflict', ({ error }) => lose(error)),
    session.on('fatal', ({ error }) => lose(error)),
    session.on('stopped', ({ error }) => lose(error)),
  ];

  function onPresence(stanza: Incoming): Promise<void> | undefined {
    const from = nickIn(room, stanza.from);
    if (from === undefined) return undefined;
    if (stanza.type === 'error') {
      const { condition } = describeStanzaError(stanza.element);
      joining?.reject(new Mom4cError('M4C_ROOM', `${condition}: ${room}`));
      return undefined;
    }
    const seen = occupantPresence(room, stanza);
    if (!seen) return undefined;
    if (seen.available) present.set(seen.nick, seen);
    else present.delete(seen.nick);
    const delivered = occupants.deliver(seen);
    if (joining && !inside && seen.statuses.has(STATUS_RENAMED)) beginAnew();
    else if (seen.self) followSelf(seen);
    return delivered;
  }

  /** The room has an earlier visit from our very address, whose connection was lost in silence, and took our join for a change of
   *  its nick: then it does not show who is there. */
  function beginAnew(): void {
    renamed = true;
    session
      .send(xml('presence', { to: occupant, type: 'unavailable' }))
      .then(() => session.send(joinPresence(occupant, presence)))
      .catch((error: Mom4cError) => joining?.reject(error));
  }

  function followSelf(seen: OccupantPresence): void {
    if (seen.available) {
      if (renamed) return;
      inside = true;
      joining?.resolve(seen);
      return;
    }
    renamed = false;
    // What ends before we are inside is an earlier visit.
    if (!inside) return;
    const status = [...seen.statuses].join(' ');
    lose(new Mom4cError('M4C_ROOM', `put out of ${room}, status ${status}`));
    if (wanted) rejoin();
  }

  function onMessage({ from, type, element }: Incoming): Promise<void> | undefined {
    const nick = nickIn(room, from);
    if (!nick || type !== 'groupchat') return undefined;
    return messages.deliver({ nick, speaker: present.get(nick), element });
  }

  function lose(error: Mom4cError): void {
    cancelRetry();
    inside = false;
    present.clear();
    joining?.reject(error);
    if (!joined) return;
    joined = false;
    losses.call(error);
  }

  async function join(): Promise<void> {
    const answer = Promise.withResolvers<OccupantPresence>();
    // It may be rejected before anybody waits for it.
    answer.promise.catch(() => {});
    joining = answer;
    inside = false;
    renamed = false;
    const stopTimer = clock.after(JOIN_MS, () =>
      answer.reject(new Mom4cError('M4C_TIMEOUT', `joining ${room}`)),
    );
    try {
      await session.send(joinPresence(occupant, presence));
      const self = await answer.promise;
      if (self.statuses.has(STATUS_CREATED) && !create) {
        await session.request(room, 'set', ownerQuery(xml('destroy')));
        throw new Mom4cError('M4C_ROOM', `there is no ${room}`);
      }
      if (create && self.affiliation === 'owner') await configure(create);
      if (!inside) throw new Mom4cError('M4C_ROOM', `put out of ${room} while joining`);
    } finally {
      stopTimer();
      if (joining === answer) joining = undefined;
    }
    joined = true;
    joins.call();
  }

  /** Whoever makes the room has it locked until it is configured, and for others it is not found (XEP-0045 §10.1.3). */
  async function joinUnlocked(): Promise<void> {
    for (let left = LOCKED_TRIES; ; left -= 1) {
      try {
        return await join();
      } catch (error) {
        const isLocked = error instanceof Mom4cError && error.detail === notFound;
        if (!create || !isLocked || left === 0) throw error;
        await new Promise<void>((resolve) => clock.after(LOCKED_MS, resolve));
      }
    }
  }

  async function configure(config: RoomConfig): Promise<void> {
    const offer = await session.request(room, 'get', ownerQuery());
    await session.request(room, 'set', ownerQuery(filledConfig(offer, config)));
  }

  function rejoin(): void {
    cancelRetry();
    let cancelled = false;
    let cancelPause = (): void => {};
    cancelRetry = () => {
      cancelled = true;
      cancelPause();
    };
    const backoff = jitteredBackoff({ baseMs: BACKOFF_BASE_MS, capMs: BACKOFF_CAP_MS, random });
    let reported: ErrorCode | undefined;
    function attempt(): void {
      join().catch((error: unknown) => {
        if (cancelled || !wanted || !session.online) return;
        if (!(error instanceof Mom4cError)) log.error({ err: error, room }, 'a fault while joining');
        else if (error.code !== reported)
          log.warn({ code: error.code, detail: error.detail }, 'cannot join, trying on');
        reported = error instanceof Mom4cError ? error.code : 'M4C_INTERNAL';
        cancelPause = clock.after(backoff.next(), attempt);
      });
    }
    attempt();
  }

  function forget(): void {
    wanted = false;
    joined = false;
    cancelRetry();
    joining?.reject(new Mom4cError('M4C_STOPPED'));
    for (const unsubscribe of subscriptions) unsubscribe();
  }

  try {
    await joinUnlocked();
    wanted = true;
  } catch (error) {
    forget();
    // Half in: it could not be configured.
    if (inside && session.online)
      await session.send(xml('presence', { to: occupant, type: 'unavailable' })).catch(() => {});
    throw error;
  }

  return {
    room,
    nick,
    get joined() {
      return joined;
    },
    async say(...children) {
      if (!joined)
        throw new Mom4cError(session.online ? 'M4C_ROOM' : 'M4C_XMPP_OFFLINE', `not in ${room} now`);
      await session.send(xml('message', { to: room, type: 'groupchat' }, ...children));
    },
    async updatePresence(...children) {
      presence = children;
      // While out of it, the next join carries it.
      if (joined) await session.send(xml('presence', { to: occupant }, ...children));
    },
    async setAffiliation(jid, affiliation) {
      await session.request(room, 'set', adminQuery({ jid, affiliation }));
    },
    onOccupantPresence(listener) {
      const first = createListeners<OccupantPresence>('occupant', log);
      const removers = [first.add(listener), occupants.add(listener)];
      // Not before the caller has what removes it.
      queueMicrotask(() => {
        for (const seen of present.values()) first.call(seen);
      });
      return () => {
        for (const remove of removers) remove();
      };
    },
    onMessage: (listener) => messages.add(listener),
    onJoined: (listener) => joins.add(listener),
    onLost: (listener) => losses.add(listener),
    async leave() {
      forget();
      // Also while a join is under way: the room gets both in order.
      if (session.online) await session.send(xml('presence', { to: occupant, type: 'unavailable' }));
    },
  };
}
