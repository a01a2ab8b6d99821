/**
 * One connection of @xmpp/client, RFC 6120 §4: the library connects, opens, restarts and ends the stream; what comes
 * in goes through here. Knows nothing of log-in, stanzas or reconnecting.
 *
 * INVARIANTS
 * - The library sees an element only through `negotiate`. So it answers no IQ, follows no `see-other-host`, and asks
 *   for no feature that we did not show it.
 * - Elements are handed on in order, none is lost between `next` and `consume`.
 * - `closed` resolves once, with the reason; from then on every pending and later `next` and `send` is rejected.
 * - Nothing thrown by whoever consumes reaches the parser.
 */
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { Client } from '@xmpp/client';
import { Mom4cError, type Clock, type Log } from '@mom4c/core';
import { createClient, SERVICE, type Login } from './client.ts';
import { serialise, type Element } from './element.ts';
import { NS_STREAM } from './namespaces.ts';
import { offline, streamFault } from './stream-fault.ts';
import { socketFault } from './tls.ts';
import { createTransport } from './transport.ts';

export type StreamEnd = {
  /** Of the server's stream error, RFC 6120 §4.9.3. */
  readonly condition?: string | undefined;
  readonly error: Mom4cError;
};

export type OnDropped = (reason: 'too large' | 'too deep') => void;

export type StreamSettings = {
  readonly domain: string;
  /** None for registration. */
  readonly login?: Login;
  readonly tls: ConnectionOptions;
  readonly log: Log;
  readonly clock: Clock;
  readonly onDropped?: OnDropped;
};

export type XmlStream = {
  readonly client: Client;
  /** Connects. @returns the server's features */
  open(): Promise<Element>;
  /** Shows the library an element, for it to act on. */
  negotiate(element: Element): void;
  /** The outcome of what the library does, or the reason why the stream ended meanwhile. */
  until<Value>(work: Promise<Value>): Promise<Value>;
  /** The next element, during negotiation. */
  next(): Promise<Element>;
  /** From now on all elements go to `handler`. */
  consume(handler: (element: Element) => void): void;
  /** Resolves when the system has taken the octets: awaiting it is the back-pressure.
   *  @throws Mom4cError M4C_XMPP_OFFLINE, M4C_TOO_LARGE, M4C_MALFORMED, M4C_BUSY */
  send(element: Element): Promise<void>;
  /** Ends the stream in order, and by force after a second. */
  close(): Promise<void>;
  /** Ends it now. */
  destroy(error: Mom4cError): void;
  readonly closed: Promise<StreamEnd>;
  /** Monotonic milliseconds of the last octets that came in. */
  readonly lastHeard: number;
};

const CLOSE_MS = 1_000;
/** Before log-in a server has little to say; more is an attack. */
const MAX_WAITING = 64;
/** What un-awaited sends may pile up, octets. */
const MAX_UNSENT = 8 * 1024 * 1024;

export function createStream({ domain, login, tls, log, clock, onDropped }: StreamSettings): XmlStream {
  const client = createClient(domain, login);
  const waiting: Element[] = [];
  let waiter: { resolve(element: Element): void; reject(error: Mom4cError): void } | undefined;
  let handler: ((element: Element) => void) | undefined;
  let socket: TLSSocket | undefined;
  let connected = false;
  let end: StreamEnd | undefined;
  /** Set by the first cause; what follows from it (a reset, say) does not overwrite it. */
  let cause: StreamEnd | undefined;
  let closing = false;
  let lastHeard = clock.monotonic();
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<StreamEnd>();

  const transport = client._findTransport(SERVICE);
  if (!transport) throw new Error('@xmpp/client has no direct TLS');
  client.transports = [
    createTransport(transport, tls, {
      socket: watch,
      dropped(reason) {
        log.warn({ reason }, 'dropped a stanza');
        onDropped?.(reason);
      },
      fault: (reason) => destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', reason)),
    }),
  ];
  const showLibrary = client._onElement.bind(client);
  client._onElement = receive;
  // The library would make text of each read by itself, which spoils characters that are split; and it has no parser
  // any more after the stream's end.
  client._onData = (octets) => {
    lastHeard = clock.monotonic();
    client.parser?.write(octets);
  };
  client.on('error', (error) => {
    cause ??= { error: socketFault(error, socket) };
    void close();
  });
  // Of the stream.
  client.on('close', () => {
    cause ??= { error: new Mom4cError('M4C_XMPP_UNREACHABLE', 'the server ended the stream') };
    void close();
  });

  function watch(fresh: TLSSocket): void {
    socket = fresh;
    socket.setNoDelay(true);
    socket.once('secureConnect', () => (connected = true));
    socket.on('error', (error) => (cause ??= { error: socketFault(error, fresh) }));
    socket.on('end', () =>
      destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'the server closed the connection')),
    );
    socket.on('close', finish);
  }

  function finish(): void {
    if (end) return;
    const detail = connected ? 'the connection was closed' : 'closed before TLS was established';
    end = cause ?? { error: new Mom4cError('M4C_XMPP_UNREACHABLE', detail) };
    waiter?.reject(end.error);
    waiter = undefined;
    resolveClosed(end);
  }

  function receive(element: Element): void {
    if (element.is('error', NS_STREAM)) {
      cause ??= streamFault(element);
      void close();
      return;
    }
    if (handler) {
      try {
        handler(element);
      } catch (error) {
        log.error({ err: error }, 'a fault while handling a stanza');
      }
    } else if (waiter) {
      const reader = waiter;
      waiter = undefined;
      reader.resolve(element);
    } else if (waiting.push(element) > MAX_WAITING) {
      destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'too much before log-in'));
    }
  }

  function next(): Promise<Element> {
    const ready = waiting.shift();
    if (ready) return Promise.resolve(ready);
    if (end) return Promise.reject(end.error);
    if (waiter) throw new Error('one reader at a time');
    return new Promise((resolve, reject) => {
      waiter = { resolve, reject };
    });
  }

  async function until<Value>(work: Promise<Value>): Promise<Value> {
    const failed = closed.then(({ error }) => Promise.reject(error));
    // What the library rejects with says less than why the stream ended.
    const outcome = work.catch((error: Error) => {
      destroy(socketFault(error, socket));
      return failed;
    });
    return Promise.race([outcome, failed]);
  }

  function destroy(error: Mom4cError): void {
    cause ??= { error };
    if (socket) socket.destroy();
    else finish();
  }

  async function close(): Promise<void> {
    if (!closing && !end) {
      closing = true;
      cause ??= { error: offline() };
      if (connected) {
        const force = clock.after(CLOSE_MS, () => socket?.destroy());
        void closed.then(force);
        void client.disconnect();
      } else destroy(cause.error);
    }
    await closed;
  }

  return {
    client,
    async open() {
      if (end) throw end.error;
      await until(client.connect(SERVICE));
      // Not awaited: it begins to wait for the server's header when its own is confirmed, and may have missed it then.
      client.open({ domain }).catch((error: Error) => destroy(socketFault(error, socket)));
      return featuresIn(await next());
    },
    negotiate(element) {
      try {
        showLibrary(element);
      } catch (error) {
        destroy(socketFault(error as Error));
      }
    },
    until,
    next,
    consume(newHandler) {
      handler = newHandler;
      for (const element of waiting.splice(0)) receive(element);
    },
    async send(element) {
      // Not the library's `send`: it parses addresses when the stanza has left already, and rejects if it cannot.
      if (end || closing) throw offline(end?.error);
      if ((socket?.writableLength ?? 0) > MAX_UNSENT)
        throw new Mom4cError('M4C_BUSY', 'too much waits to be sent');
      const text = serialise(element);
      try {
        await client.write(text);
      } catch (error) {
        throw offline(error as Error);
      }
    },
    close,
    destroy,
    closed,
    get lastHeard() {
      return lastHeard;
    },
  };
}

/** @throws Mom4cError M4C_XMPP_UNREACHABLE if it is no `<stream:features/>` */
export function featuresIn(element: Element): Element {
  if (element.is('features', NS_STREAM)) return element;
  throw new Mom4cError('M4C_XMPP_UNREACHABLE', 'no stream features');
}
