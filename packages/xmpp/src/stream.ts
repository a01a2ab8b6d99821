/**
 * One XML stream over one socket, RFC 6120 §4. Knows nothing of log-in, stanzas or reconnecting.
 *
 * INVARIANTS
 * - Elements are handed on in order, none is lost between `next` and `consume`.
 * - `closed` resolves once, with the reason; from then on every pending and later `next` and `send` is rejected.
 * - Nothing thrown by whoever consumes reaches the parser.
 */
import type { Duplex } from 'node:stream';
import { Mom4cError, type Clock, type Log } from '@mom4c/core';
import { serialise, xml, type Element } from './element.ts';
import { NS_STREAM, NS_STREAM_ERROR } from './namespaces.ts';
import { createStanzaParser, type StanzaParser } from './stanza-parser.ts';
import { socketFault } from './tls.ts';

export type StreamEnd = {
  /** Of the server's stream error, RFC 6120 §4.9.3. */
  readonly condition?: string | undefined;
  readonly error: Mom4cError;
};

export type XmlStream = {
  /** Sends a stream header, first or anew after SASL. @returns the server's features */
  open(): Promise<Element>;
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

export function createStream(
  socket: Duplex,
  {
    domain,
    log,
    clock,
    onDropped,
  }: { domain: string; log: Log; clock: Clock; onDropped?: (reason: 'too large' | 'too deep') => void },
): XmlStream {
  const waiting: Element[] = [];
  let waiter: { resolve(element: Element): void; reject(error: Mom4cError): void } | undefined;
  let handler: ((element: Element) => void) | undefined;
  let parser: StanzaParser | undefined;
  let end: StreamEnd | undefined;
  /** Set by the first cause; what follows from it (a reset, say) does not overwrite it. */
  let cause: StreamEnd | undefined;
  let closing = false;
  let lastHeard = clock.monotonic();
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<StreamEnd>();

  socket.on('data', (octets: Buffer) => {
    lastHeard = clock.monotonic();
    parser?.write(octets);
  });
  socket.on('error', (error: Error) => {
    cause ??= { error: socketFault(error) };
  });
  socket.on('end', () => destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'the server closed the connection')));
  socket.on('close', finish);

  function finish(): void {
    if (end) return;
    end = cause ?? { error: new Mom4cError('M4C_XMPP_UNREACHABLE', 'the connection was closed') };
    waiter?.reject(end.error);
    waiter = undefined;
    resolveClosed(end);
  }

  function newParser(onHeader: () => void): StanzaParser {
    const own = createStanzaParser({
      header(root) {
        if (parser !== own) return;
        if (root.is('stream', NS_STREAM)) onHeader();
        else destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'no XMPP server: the root is no stream'));
      },
      element(element) {
        if (parser === own) receive(element);
      },
      dropped(reason) {
        if (parser !== own) return;
        log.warn({ reason }, 'dropped a stanza');
        onDropped?.(reason);
      },
      end() {
        if (parser !== own) return;
        cause ??= { error: new Mom4cError('M4C_XMPP_UNREACHABLE', 'the server ended the stream') };
        if (closing) socket.end();
        else void close();
      },
      fault(reason) {
        if (parser === own) destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', `unusable stream: ${reason}`));
      },
    });
    return own;
  }

  function receive(element: Element): void {
    if (element.is('error', NS_STREAM)) {
      const condition = element
        .getChildElements()
        .find((child) => child.getNS() === NS_STREAM_ERROR)
        ?.getName();
      cause ??= { condition, error: streamFault(condition) };
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

  function write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (end || closing) return reject(offline(end?.error));
      // Of the two ways to report, an error event and the callback, only the callback is for the sender.
      socket.write(text, (error) => (error ? reject(offline(error)) : resolve()));
    });
  }

  function destroy(error: Mom4cError): void {
    cause ??= { error };
    socket.destroy();
  }

  async function close(): Promise<void> {
    if (!closing && !end) {
      const force = clock.after(CLOSE_MS, () => socket.destroy());
      void closed.then(force);
      // The footer is best effort: the other side may be gone.
      write('</stream:stream>').catch(() => {});
      closing = true;
      cause ??= { error: offline() };
    }
    await closed;
  }

  return {
    async open() {
      const { promise: header, resolve } = Promise.withResolvers<void>();
      parser = newParser(resolve);
      // If it cannot be written, `closed` knows why.
      write(streamHeader(domain)).catch(() => {});
      await Promise.race([header, closed.then(({ error }) => Promise.reject(error))]);
      const features = await this.next();
      if (!features.is('features', NS_STREAM))
        throw new Mom4cError('M4C_XMPP_UNREACHABLE', 'no stream features');
      return features;
    },
    next() {
      const ready = waiting.shift();
      if (ready) return Promise.resolve(ready);
      if (end) return Promise.reject(end.error);
      if (waiter) throw new Error('one reader at a time');
      return new Promise((resolve, reject) => {
        waiter = { resolve, reject };
      });
    },
    consume(newHandler) {
      handler = newHandler;
      for (const element of waiting.splice(0)) receive(element);
    },
    async send(element) {
      if (socket.writableLength > MAX_UNSENT) throw new Mom4cError('M4C_BUSY', 'too much waits to be sent');
      await write(serialise(element));
    },
    close,
    destroy,
    closed,
    get lastHeard() {
      return lastHeard;
    },
  };
}

function offline(cause?: Error): Mom4cError {
  return new Mom4cError('M4C_XMPP_OFFLINE', undefined, { cause });
}

function streamHeader(domain: string): string {
  const root = xml('stream:stream', {
    to: domain,
    version: '1.0',
    xmlns: 'jabber:client',
    'xmlns:stream': NS_STREAM,
  });
  return `<?xml version='1.0'?>${root.toString().replace(/\/>$/, '>')}`;
}

/** Those that the same log-in would meet again; everything else passes (RFC 6120 §4.9.3). */
const LOGIN_CONDITIONS = new Set(['host-unknown', 'host-gone', 'invalid-from', 'not-authorized']);

function streamFault(condition: string | undefined): Mom4cError {
  const detail = `stream error ${condition ?? 'without a condition'}`;
  if (condition === 'conflict') return new Mom4cError('M4C_XMPP_CONFLICT');
  return new Mom4cError(
    LOGIN_CONDITIONS.has(condition ?? '') ? 'M4C_XMPP_LOGIN' : 'M4C_XMPP_UNREACHABLE',
    detail,
  );
}
