/**
 * The life of one address at its server: log-in, staying there, coming back.
 *
 * INVARIANTS
 * - At most one stream; a stanza is handled only from the current one.
 * - A `conflict` (somebody newer holds the address), a refused log-in and `stop` end the session for good.
 * - While offline, `send` and `request` reject with M4C_XMPP_OFFLINE at once; nothing is queued here. What must not be
 *   lost is kept by who sends it and sent again under its id.
 * - One log line per outage and cause, however often it is tried.
 */
import {
  FairQueue,
  Mom4cError,
  parseJid,
  systemClock,
  systemRandom,
  type BareJid,
  type FairLimits,
  type FullJid,
} from '@mom4c/core';
import { MAX_STANZA_OCTETS, xml, type Child, type Element } from './element.ts';
import { incoming, partyOf, weightOf, type Incoming } from './incoming.ts';
import { keepAlive, type Silence } from './keep-alive.ts';
import { createLife } from './life.ts';
import { createListeners, type Listener, type Listeners } from './listeners.ts';
import { freshStream, type AccountSettings, type Spare } from './log-in-ahead.ts';
import { logIn } from './login.ts';
import { NS_PING } from './namespaces.ts';
import { createRequests, type RequestOptions } from './requests.ts';
import { createResponder, type RequestHandler, type RequestKind } from './responder.ts';
import { LOGIN_MS, within } from './stream-limit.ts';
import { checkPassword } from './sasl-scram.ts';
import type { XmlStream } from './stream.ts';
import { createUnseen, type DropReason, type Unseen } from './unseen.ts';

export type SessionSettings = AccountSettings & {
  /** What is made of a server that says nothing; 30 s and 10 s where absent. */
  readonly silence?: Silence | undefined;
  /** Of the same address; while it has a stream, a log-in is no more than a question for the resource. */
  readonly spare?: Spare | undefined;
};

export type SessionEvents = {
  /** Logged in, the first time or again. Presence must be sent anew. */
  online: { readonly jid: FullJid };
  /** The stream was lost; the session tries to come back. */
  offline: { readonly error: Mom4cError };
  /** A newer session holds the address. This one has ended. */
  conflict: { readonly error: Mom4cError };
  /** The server refuses us. This session has ended. */
  fatal: { readonly error: Mom4cError };
  /** By `stop`. */
  stopped: { readonly error: Mom4cError };
};

export type XmppSession = {
  readonly jid: FullJid;
  readonly online: boolean;
  /** Stanzas that nobody got to see, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Resolves when online for the first time; keeps trying while the server cannot be reached.
   *  @throws Mom4cError M4C_XMPP_LOGIN, M4C_TLS, M4C_CERTIFICATE_INVALID, M4C_XMPP_CONFLICT, M4C_STOPPED */
  start(signal?: AbortSignal): Promise<void>;
  /** Logs out. Resolves when the connection is closed. */
  stop(): Promise<void>;
  on<Name extends keyof SessionEvents>(event: Name, listener: Listener<SessionEvents[Name]>): () => void;
  /** Resolves when the stanza has left: awaiting it is the back-pressure.
   *  @throws Mom4cError M4C_XMPP_OFFLINE, M4C_TOO_LARGE, M4C_MALFORMED, M4C_BUSY */
  send(stanza: Element): Promise<void>;
  /** @returns the whole `<iq type='result'/>`
   *  @throws Mom4cError the other side's error; M4C_TIMEOUT, M4C_XMPP_OFFLINE, M4C_TOO_LARGE */
  request(to: string, type: 'get' | 'set', child: Element, options?: RequestOptions): Promise<Element>;
  /** Answers requests of one kind. @returns removes the handler */
  onRequest(kind: RequestKind, handler: RequestHandler): () => void;
  onMessage(listener: Listener<Incoming>): () => void;
  onPresence(listener: Listener<Incoming>): () => void;
  /** What was dropped, or answered with an error, before a handler saw it: to be counted and logged. */
  onUnseen(listener: Listener<Unseen>): () => void;
  /** @param presence without `to`: to the server, for all who may see it */
  sendPresence(presence?: {
    readonly to?: string;
    readonly type?: 'unavailable';
    readonly children?: readonly Child[];
  }): Promise<void>;
  /** Occupants of this room count each for itself where senders share what there is, not all as the room.
   *  @returns ends that */
  shareByOccupant(room: BareJid): () => void;
};

/** Messages that listeners work on, and that wait for their turn; more is dropped. All that a domain has may answer at once, and one
 *  node may answer all that a manager has under way: 1,000 commands. */
const MESSAGE_LIMITS: FairLimits = {
  running: 128,
  runningPerParty: 32,
  perParty: { pieces: 1024, octets: 16 * MAX_STANZA_OCTETS },
  total: { pieces: 8192, octets: 128 * MAX_STANZA_OCTETS },
};
/** Presences never wait: what was said before a connection was lost must not be heard after. */
const PRESENCE_LIMITS: FairLimits = {
  running: 8192,
  runningPerParty: 64,
  perParty: { pieces: 64, octets: 2 * MAX_STANZA_OCTETS },
  total: { pieces: 8192, octets: 128 * MAX_STANZA_OCTETS },
};

/** Makes a session; `start` logs it in. @throws Mom4cError M4C_MALFORMED, M4C_CONFIG (address, password) */
export function connect(settings: SessionSettings): XmppSession {
  const { jid, password, log, clock = systemClock, random = systemRandom } = settings;
  const { domain, resource } = parseJid(jid);
  if (resource === undefined || domain !== settings.domain)
    throw new Mom4cError('M4C_MALFORMED', 'the address of a session is a full one of its domain');

  if (password !== undefined) checkPassword(password);

  let stream: XmlStream | undefined;
  const events = {
    online: createListeners<SessionEvents['online']>('online', log),
    offline: createListeners<SessionEvents['offline']>('offline', log),
    conflict: createListeners<SessionEvents['conflict']>('conflict', log),
    fatal: createListeners<SessionEvents['fatal']>('fatal', log),
    stopped: createListeners<SessionEvents['stopped']>('stopped', log),
  };
  const messages = createListeners<Incoming>('message', log);
  const presences = createListeners<Incoming>('presence', log);
  const messageQueue = new FairQueue(MESSAGE_LIMITS);
  const presenceQueue = new FairQueue(PRESENCE_LIMITS);
  /** Those that we are in, or want to be. */
  const rooms = new Set<BareJid>();
  const { dropped, drop, onUnserved, onUnseen } = createUnseen(log);
  const requests = createRequests(send, { jid, clock, random });
  const responder = createResponder(send, { log, clock, random, onUnserved });

  async function send(stanza: Element): Promise<void> {
    if (!stream) throw new Mom4cError('M4C_XMPP_OFFLINE');
    await stream.send(stanza);
  }

  function share(queue: FairQueue, stanza: Incoming, listeners: Listeners<Incoming>): void {
    const taken = queue.offer(partyOf(stanza, rooms), weightOf(stanza), () => listeners.deliver(stanza));
    if (!taken) drop('too many at once', stanza.from);
  }

  function receive(element: Element): void {
    const stanza = incoming(element, jid);
    if (!stanza) return drop('no usable sender');
    switch (element.getName()) {
      case 'message':
        return share(messageQueue, stanza, messages);
      case 'presence':
        return share(presenceQueue, stanza, presences);
      case 'iq':
        if (stanza.type !== 'result' && stanza.type !== 'error') responder.receive(stanza);
        else if (!requests.answer(stanza)) drop('unexpected', stanza.from);
        return;
      default:
        drop('unexpected', stanza.from);
    }
  }

  async function establish(ended: AbortSignal): Promise<XmlStream> {
    const ready = await settings.spare?.bind(drop, ended);
    if (ready) return ready;
    const { stream: fresh, login } = freshStream(settings, drop);
    const limit = { ms: LOGIN_MS, clock, signal: ended, what: 'log-in' };
    await within(limit, fresh, () => logIn(fresh, login));
    return fresh;
  }

  function use(current: XmlStream): () => void {
    stream = current;
    const stopPinging = keepAlive(
      current,
      clock,
      (timeoutMs) => {
        requests.send(domain, 'get', xml('ping', { xmlns: NS_PING }), { timeoutMs }).catch(() => {});
      },
      settings.silence,
    );
    events.online.call({ jid });
    current.consume((element) => {
      if (stream === current) receive(element);
    });
    return () => {
      stopPinging();
      stream = undefined;
      requests.failAll();
    };
  }

  function onEnd(error: Mom4cError): void {
    if (error.code === 'M4C_STOPPED') return events.stopped.call({ error });
    log.error({ code: error.code, detail: error.detail, jid }, 'the session has ended');
    if (error.code === 'M4C_XMPP_CONFLICT') events.conflict.call({ error });
    else events.fatal.call({ error });
  }

  const onOffline = (error: Mom4cError): void => events.offline.call({ error });
  const life = createLife<XmlStream>({ jid, log, clock, random, establish, use, onOffline, onEnd });

  return {
    jid,
    dropped,
    get online() {
      return stream !== undefined;
    },
    start: (signal) => life.start(signal),
    stop: () => life.stop(),
    on: (event, listener) => events[event].add(listener as Listener<unknown>),
    send,
    request: (to, type, child, options) => requests.send(to, type, child, options),
    onRequest: (kind, handler) => responder.handle(kind, handler),
    onMessage: (listener) => messages.add(listener),
    onPresence: (listener) => presences.add(listener),
    onUnseen,
    sendPresence: ({ to, type, children = [] } = {}) =>
      Promise.try(() => send(xml('presence', { to, type }, ...children))),
    shareByOccupant(room) {
      rooms.add(room);
      return () => rooms.delete(room);
    },
  };
}
