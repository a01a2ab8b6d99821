/**
 * The domains of others that a gateway is at its own server: a component (XEP-0114) for several hosts, which sees every
 * stanza to any address of them and may send as any of them.
 *
 * - `one` connection for all hosts: ejabberd with `global_routes: true`, all with one password. Total order is kept.
 * - a connection for `each`: Prosody, where a component sends from its own host only. Order is kept within a host.
 *
 * INVARIANTS
 * - Nothing leaves whose `from` is not under one of the hosts: a server closes the connection for it, and with it the
 *   way of everybody else.
 * - Nothing leaves that uses a prefix of another stream: the server would have to end this one (RFC 6120 §11.4).
 * - `online` while all connections are that were online before, or were there from the start. `onOnline` and `onOffline`
 *   take turns, `onOnline` first.
 * - A host that is added later and refused takes nothing from the others.
 */
import {
  isDomain,
  Mom4cError,
  systemClock,
  systemRandom,
  type Clock,
  type Log,
  type Random,
} from '@mom4c/core';
import { hostOf } from './address.ts';
import {
  createComponentStream,
  handshake,
  type ComponentLink,
  type ComponentStream,
} from './component-stream.ts';
import type { StanzaHandler } from './hand-over.ts';
import { isSelfContained, type Element } from './element.ts';
import { createLife, type Life } from './life.ts';
import { createListeners, type Listener } from './listeners.ts';

export type ComponentHostsSettings = Pick<ComponentLink, 'host' | 'port' | 'secret'> & {
  /** At least one. */
  readonly hosts: readonly string[];
  readonly connections: 'one' | 'each';
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: Random;
};

export type ComponentHosts = {
  readonly hosts: readonly string[];
  readonly online: boolean;
  /** From now on these, after `start`. A host that the server does not give away is told in the log and left out until it
   *  is named here again. @throws Mom4cError M4C_MALFORMED; then nothing has changed */
  follow(hosts: readonly string[]): void;
  /** Stanzas that came in and were given up unseen. */
  readonly dropped: { readonly 'too large': number; readonly 'too deep': number };
  /** Resolves when online for the first time; keeps trying while the server cannot be reached.
   *  @throws Mom4cError M4C_XMPP_LOGIN (wrong secret, or a host that the server does not give away),
   *  M4C_XMPP_CONFLICT, M4C_CONFIG, M4C_STOPPED */
  start(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** @returns removes it */
  onOnline(listener: Listener<void>): () => void;
  onOffline(listener: Listener<Mom4cError>): () => void;
  /** The server refuses us, or somebody else has taken a host: it has ended. */
  onFatal(listener: Listener<Mom4cError>): () => void;
  /** All stanzas that come, in order, as they are but for the namespace of the stream; what they claim is not looked
   *  at. Until the handler's promise is settled nothing more is read from that connection. One handler. */
  onStanza(handler: StanzaHandler): void;
  /** Resolves when the system has taken the octets: awaiting it is the back-pressure.
   *  @throws Mom4cError M4C_PARTNER_ADDRESS (`from` under none of the hosts), M4C_XMPP_OFFLINE, M4C_BUSY,
   *  M4C_TOO_LARGE, M4C_MALFORMED */
  send(stanza: Element): Promise<void>;
};

/** @throws Mom4cError M4C_MALFORMED if a host is none */
export function createComponentHosts(settings: ComponentHostsSettings): ComponentHosts {
  const { connections, log, clock = systemClock, random = systemRandom } = settings;
  check(settings.hosts);
  let { hosts } = settings;
  const first = hosts[0]!;
  /** By the host that is named in the header; as the following. */
  const lives = new Map<string, Life>();
  const streams = new Map<string, ComponentStream>();
  /** Without these it is not online. */
  const needed = new Set(connections === 'one' ? [first] : hosts);
  const dropped = { 'too large': 0, 'too deep': 0 };
  const online = createListeners<void>('online', log);
  const offline = createListeners<Mom4cError>('offline', log);
  const fatal = createListeners<Mom4cError>('fatal', log);
  let wasOnline = false;
  let handler: StanzaHandler | undefined;

  const isOnline = (): boolean => [...needed].every((domain) => streams.has(domain));

  function add(domain: string): Life {
    const life = createLife<ComponentStream>({
      ...{ jid: domain, log, clock, random },
      async establish(ended) {
        const onDropped = (reason: keyof typeof dropped): void => void (dropped[reason] += 1);
        const fresh = createComponentStream({ ...settings, domain, clock, onDropped });
        await handshake(fresh, clock, ended);
        return fresh;
      },
      use(current) {
        streams.set(domain, current);
        needed.add(domain);
        if (isOnline() && !wasOnline) {
          wasOnline = true;
          online.call();
        }
        current.consume(receive);
        void current.closed.then(({ error }) => lost(domain, error));
        return () => {};
      },
      onEnd(error) {
        if (lives.get(domain) === life) lives.delete(domain);
        if (error.code === 'M4C_STOPPED') return;
        log.error({ code: error.code, detail: error.detail, component: domain }, 'the component has ended');
        if (needed.has(domain)) fatal.call(error);
      },
    });
    lives.set(domain, life);
    return life;
  }

  for (const domain of needed) add(domain);

  function lost(domain: string, error: Mom4cError): void {
    streams.delete(domain);
    if (!wasOnline || !needed.has(domain)) return;
    wasOnline = false;
    offline.call(error);
  }

  function receive(element: Element): void | Promise<void> {
    // Said or not, it is the stream's own: elsewhere it would be another namespace.
    delete element.attrs.xmlns;
    return handler?.(element);
  }

  return {
    dropped,
    get hosts() {
      return hosts;
    },
    get online() {
      return isOnline();
    },
    async start(signal) {
      try {
        await Promise.all([...lives.values()].map((life) => life.start(signal)));
      } catch (error) {
        await Promise.all([...lives.values()].map((life) => life.stop()));
        throw error;
      }
    },
    follow(next) {
      check(next);
      hosts = next;
      // One connection speaks for whatever hosts the server gives it.
      if (connections === 'one') return;
      for (const [domain, life] of lives) {
        if (next.includes(domain)) continue;
        needed.delete(domain);
        void life.stop();
      }
      for (const domain of next)
        if (!lives.has(domain))
          add(domain)
            .start()
            // Said by `onEnd`.
            .catch(() => {});
    },
    async stop() {
      await Promise.all([...lives.values()].map((life) => life.stop()));
    },
    onOnline: (listener) => online.add(listener),
    onOffline: (listener) => offline.add(listener),
    onFatal: (listener) => fatal.add(listener),
    onStanza(newHandler) {
      handler = newHandler;
    },
    async send(stanza) {
      const from = hostOf(stanza.attrs.from ?? '');
      if (from === undefined || !hosts.includes(from))
        throw new Mom4cError('M4C_PARTNER_ADDRESS', 'not from a host of this component');
      if (!isSelfContained(stanza))
        throw new Mom4cError('M4C_MALFORMED', 'a prefix that the stanza does not declare');
      const stream = streams.get(connections === 'one' ? first : from);
      if (!stream) throw new Mom4cError('M4C_XMPP_OFFLINE');
      await stream.send(stanza);
    },
  };
}

function check(hosts: readonly string[]): void {
  if (hosts.length === 0 || !hosts.every(isDomain) || new Set(hosts).size < hosts.length)
    throw new Mom4cError('M4C_MALFORMED', 'the hosts of a component are domains, each once');
}
