/**
 * One socket that speaks an XML stream: octets in, elements out, one at a time. It knows nothing of who speaks to whom.
 *
 * INVARIANTS
 * - Until `consume` it reads only while somebody waits for an element (early-reader.ts).
 * - From `consume` on elements are handed on in their order (hand-over.ts). While one is handled nothing more is read. What has arrived in whole is handed on even if the connection ends meanwhile, for a second
 *   at most, unless it is ended by us with a stream error: from then on nothing is.
 * - `closed` resolves once, with the first cause. A peer that takes nothing for `WRITE_MS` is given up.
 */
import type { Socket } from 'node:net';
import { Mom4cError, type Clock, type ErrorCode, type Log } from '@mom4c/core';
import { EarlyReader } from './early-reader.ts';
import { serialise, type Element } from './element.ts';
import { HandOver, type StanzaHandler } from './hand-over.ts';
import { NS_STREAM, NS_STREAM_ERROR } from './namespaces.ts';
import { createSocketWriter } from './socket-writer.ts';
import { createStanzaParser, type StanzaParser } from './stanza-parser.ts';
import type { StreamEnd } from './stream.ts';

export type XmlLinkSettings = {
  readonly log: Log;
  readonly clock: Clock;
  /** Of what ends the link without a word of the peer. */
  readonly code: ErrorCode;
  /** What ended the connection from below. */
  socketFault(error: Error): Mom4cError;
  /** What the peer's stream error means. */
  streamFault(element: Element): StreamEnd;
  onDropped?(reason: 'too large' | 'too deep'): void;
  /** The peer has sent what cannot be read, which ends the link. */
  onFault?(error: Mom4cError): void;
};

export type XmlLink = {
  /** Resolves when there is a connection. @throws Mom4cError why there is none */
  connected(): Promise<void>;
  /** The first octet, without parsing it. */
  peek(): Promise<number>;
  /** The root's start tag, and then each of its children. @throws Mom4cError why the link has ended */
  next(): Promise<Element>;
  /** From now on all elements go to the handler, `first` before others. */
  consume(handler: StanzaHandler, first?: readonly Element[]): void;
  /** Has the peer sent more than it was its turn to? White space does not count. */
  readonly pipelined: boolean;
  /** A new stream on the same socket: what has been read so far is forgotten. */
  restart(): void;
  /** Lends the socket, with the octets that were not parsed unless they are to be forgotten, to `wrap`. */
  upgrade(keep: 'unparsed' | 'nothing', wrap: (socket: Socket) => Promise<Socket>): Promise<void>;
  /** Resolves when the system has taken it. @throws Mom4cError M4C_BUSY, or why the link has ended */
  write(text: string): Promise<void>;
  /** @throws Mom4cError also M4C_TOO_LARGE, M4C_MALFORMED */
  send(element: Element): Promise<void>;
  /** Sends the end tag, behind a stream error if there is a condition, and closes; by force after a second.
   *  @param before what is still to be said */
  close(error: Mom4cError, condition?: string, before?: string): Promise<void>;
  destroy(error: Mom4cError): void;
  /** Neither side has ended it. */
  readonly isOpen: boolean;
  /** Resolves also when what has arrived before was handled. */
  readonly closed: Promise<StreamEnd>;
  /** Monotonic milliseconds of the last octets that came in. */
  readonly lastHeard: number;
  readonly octets: { readonly in: number; readonly out: number };
};

/** A machine that is gone is noticed after this and ten more seconds (the system asks once a second then). */
const KEEP_ALIVE_MS = 20_000;

/** How the parser's faults are told to the peer, RFC 6120 §4.9.3. */
const CONDITIONS: ReadonlyMap<string, string> = new Map([
  ['restricted XML', 'restricted-xml'],
  ['a stanza above the hard limit', 'policy-violation'],
]);

/** @param first connected, or about to be */
export function createXmlLink(first: Socket, settings: XmlLinkSettings): XmlLink {
  const { log, clock, code } = settings;
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<StreamEnd>();
  let socket = first;
  let parser = newParser();
  let lent = false;
  let cause: StreamEnd | undefined;
  let end: StreamEnd | undefined;
  let closing = false;
  let socketClosed = false;
  /** By us: nobody waits for what is still being handled. */
  let abandoned = false;
  let isRefused = false;
  let lastHeard = clock.monotonic();
  let received = 0;
  const early = new EarlyReader((piece) => {
    parser.write(piece);
    return !closing;
  });
  const inbox = new HandOver(log, () => {
    turn();
    finish();
  });
  const writer = createSocketWriter({
    ...{ socket: () => socket, clock, failure: () => gone() },
    onStalled: () => destroy(new Mom4cError(code, 'the peer takes nothing')),
  });

  attach(first);

  function newParser(): StanzaParser {
    const own: StanzaParser = createStanzaParser({
      header: (root) => own === parser && arrive(root),
      element: (element) => own === parser && arrive(element),
      end() {
        if (own === parser) ended(new Mom4cError(code, 'the peer ended the stream'));
      },
      dropped(reason) {
        log.warn({ reason }, 'dropped a stanza');
        settings.onDropped?.(reason);
      },
      fault(reason) {
        if (own !== parser) return;
        const error = new Mom4cError(code, `unusable stream: ${reason}`);
        if (!closing) settings.onFault?.(error);
        void close(error, CONDITIONS.get(reason) ?? 'not-well-formed');
      },
    });
    return own;
  }

  function attach(fresh: Socket): void {
    socket = fresh;
    fresh.setNoDelay(true);
    fresh.setKeepAlive(true, KEEP_ALIVE_MS);
    fresh.on('data', onData);
    fresh.on('error', onError);
    fresh.on('end', onEnd);
    fresh.on('close', onClose);
    turn();
  }

  function detach(): void {
    socket.pause();
    for (const [event, listener] of LISTENED) socket.off(event, listener);
  }

  const LISTENED = [
    ['data', onData],
    ['error', onError],
    ['end', onEnd],
    ['close', onClose],
  ] as const satisfies readonly (readonly [string, (argument: never) => void])[];

  function onData(chunk: Buffer): void {
    lastHeard = clock.monotonic();
    received += chunk.length;
    if (closing) return;
    if (inbox.hasHandler) parser.write(chunk);
    else if (early.add(chunk)) turn();
    else void close(new Mom4cError(code, 'too much before log-in'), 'policy-violation');
  }

  function onError(error: Error): void {
    cause ??= { error: settings.socketFault(error) };
  }

  function onEnd(): void {
    ended(new Mom4cError(code, 'the peer closed the connection'));
  }

  function onClose(): void {
    socketClosed = true;
    finish();
  }

  function arrive(element: Element): void {
    if (isRefused) return;
    if (element.is('error', NS_STREAM)) {
      cause ??= settings.streamFault(element);
      ended(cause.error);
    } else if (inbox.hasHandler) inbox.add(element);
    else early.arrive(element);
  }

  /** Whose turn is it? Only then it is read; what comes after the end is read as well, to see the socket's. */
  function turn(): void {
    if (lent) return;
    if (closing || (inbox.hasHandler ? !inbox.isHandling : early.isAwaited)) socket.resume();
    else socket.pause();
  }

  /** By the peer: what it said before is handed on first. */
  function ended(error: Mom4cError): void {
    cause ??= { error };
    if (!closing) shut('</stream:stream>');
  }

  function shut(text: string): void {
    closing = true;
    if (lent) socket.destroy();
    writer.end(writer.octets > 0 || text.startsWith('<?xml') ? text : '', abandon);
    settleReaders();
    turn();
  }

  function settleReaders(): void {
    early.fail((cause ?? { error: new Mom4cError(code, 'the connection was closed') }).error);
  }

  function finish(): void {
    if (!socketClosed || end) return;
    if (!abandoned && (inbox.isHandling || (inbox.hasHandler && inbox.isWaiting))) return;
    end = cause ?? { error: new Mom4cError(code, 'the connection was closed') };
    closing = true;
    writer.closed();
    settleReaders();
    resolveClosed(end);
  }

  async function close(error: Mom4cError, condition?: string, before = ''): Promise<void> {
    cause ??= { error };
    if (condition) refuse();
    if (!closing) shut(`${before}${condition ? streamError(condition) : ''}</stream:stream>`);
    await closed;
  }

  /** Nothing more of this peer is handed on, not even of the octets that are being parsed now. */
  function refuse(): void {
    isRefused = true;
    inbox.clear();
  }

  function destroy(error: Mom4cError): void {
    cause ??= { error };
    closing = true;
    settleReaders();
    abandon();
  }

  function abandon(): void {
    abandoned = true;
    refuse();
    socket.destroy();
    finish();
  }

  function gone(): Mom4cError {
    return (end ?? cause)?.error ?? new Mom4cError(code, 'the stream is being closed');
  }

  function write(text: string): Promise<void> {
    if (closing || end) return Promise.reject(gone());
    return writer.write(text);
  }

  return {
    async connected() {
      if (!first.connecting) return;
      const ready = new Promise<void>((resolve) => void first.once('connect', resolve));
      await Promise.race([ready, closed]);
      if (closing || end) throw gone();
    },
    peek() {
      if (closing || end) return Promise.reject(gone());
      const octet = early.peek();
      turn();
      return octet;
    },
    next() {
      if (closing || end) return Promise.reject(gone());
      const element = early.next();
      turn();
      return element;
    },
    consume(handler, waiting) {
      inbox.begin(handler, waiting);
      const rest = early.takeRest();
      if (rest.length > 0 && !closing) parser.write(rest);
      turn();
    },
    get pipelined() {
      return early.isPipelined;
    },
    restart() {
      early.fail(new Mom4cError(code, 'a new stream has begun'));
      early.takeRest();
      parser = newParser();
    },
    async upgrade(keep, wrap) {
      lent = true;
      detach();
      const raw = socket;
      // Whatever happens to it is told by what wraps it.
      raw.on('error', () => {});
      const rest = early.takeRest();
      parser = newParser();
      if (keep === 'unparsed' && rest.length > 0) raw.unshift(rest);
      let wrapped: Socket;
      try {
        wrapped = await wrap(raw);
      } catch (error) {
        destroy(error instanceof Mom4cError ? error : settings.socketFault(error as Error));
        onClose();
        throw gone();
      }
      lent = false;
      attach(wrapped);
      // Ended by us, or by the time limit, meanwhile.
      if (closing) wrapped.destroy();
    },
    write,
    send: async (element) => write(serialise(element)),
    close,
    destroy,
    get isOpen() {
      return !closing && !end;
    },
    closed,
    get lastHeard() {
      return lastHeard;
    },
    get octets() {
      return { in: received, out: writer.octets };
    },
  };
}

function streamError(condition: string): string {
  return `<stream:error><${condition} xmlns='${NS_STREAM_ERROR}'/></stream:error>`;
}
