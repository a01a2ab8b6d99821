/**
 * One socket that speaks an XML stream: octets in, elements out, one at a time. It knows nothing of who speaks to whom.
 *
 * INVARIANTS
 * - Until `consume` it reads only while somebody waits for an element, and parses no further than that element: what
 *   comes behind it is still octets, and can be refused or thrown away. So nothing that was sent in clear can be taken for
 *   something that came over TLS.
 * - Until then at most `MAX_EARLY` octets are taken in.
 * - From `consume` on elements are handed on in their order, the next when the promise of the last has settled; until
 *   then nothing more is read. What has arrived in whole is handed on even if the connection ends meanwhile, for at most
 *   `CLOSE_MS`, unless it is ended by us with a stream error: from then on nothing is.
 * - `closed` resolves once, with the first cause. A peer that takes nothing for `WRITE_MS` is given up.
 */
import type { Socket } from 'node:net';
import { Mom4cError, type Clock, type ErrorCode, type Log } from '@mom4c/core';
import { serialise, type Element } from './element.ts';
import { NS_STREAM, NS_STREAM_ERROR } from './namespaces.ts';
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
  consume(handler: (element: Element) => void | Promise<void>, first?: readonly Element[]): void;
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

/** Of everything that a peer may say before it is consumed. */
export const MAX_EARLY = 65_536;
/** What un-awaited sends may pile up, octets. */
const MAX_UNSENT = 8 * 1024 * 1024;
export const WRITE_MS = 30_000;
const CLOSE_MS = 1_000;
/** A machine that is gone is noticed after this and ten more seconds (the system asks once a second then). */
const KEEP_ALIVE_MS = 20_000;
const TAG_END = 0x3e;

/** How the parser's faults are told to the peer, RFC 6120 §4.9.3. */
const CONDITIONS: ReadonlyMap<string, string> = new Map([
  ['restricted XML', 'restricted-xml'],
  ['a stanza above the hard limit', 'policy-violation'],
]);

type Reader = { resolve(element: Element): void; reject(error: Mom4cError): void };

/** @param first connected, or about to be */
export function createXmlLink(first: Socket, settings: XmlLinkSettings): XmlLink {
  const { log, clock, code } = settings;
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<StreamEnd>();
  let socket = first;
  let parser = newParser();
  /** Arrived and not parsed. */
  let unparsed: Buffer = EMPTY;
  /** Parsed, and to be handed on. */
  let parsed: Element[] = [];
  let reader: Reader | undefined;
  let peeker: { resolve(octet: number): void; reject(error: Mom4cError): void } | undefined;
  let handler: ((element: Element) => void | Promise<void>) | undefined;
  let handling = false;
  let lent = false;
  let early = 0;
  let cause: StreamEnd | undefined;
  let end: StreamEnd | undefined;
  let closing = false;
  let socketClosed = false;
  /** By us: nobody waits for what is still being handled. */
  let abandoned = false;
  let isRefused = false;
  let lastHeard = clock.monotonic();
  const octets = { in: 0, out: 0 };
  /** Writes that the system has not taken, and when it last took one. */
  let unsent = 0;
  let lastTaken = 0;
  let cancelWatch: (() => void) | undefined;

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
    octets.in += chunk.length;
    if (closing) return;
    if (handler) {
      parser.write(chunk);
      return;
    }
    early += chunk.length;
    if (early > MAX_EARLY) {
      void close(new Mom4cError(code, 'too much before log-in'), 'policy-violation');
      return;
    }
    unparsed = unparsed.length === 0 ? chunk : Buffer.concat([unparsed, chunk]);
    parse();
    turn();
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

  /** Tag by tag, and only while somebody waits. */
  function parse(): void {
    if (peeker && unparsed.length > 0) {
      peeker.resolve(unparsed[0]!);
      peeker = undefined;
    }
    while (reader && unparsed.length > 0 && !closing) {
      const close = unparsed.indexOf(TAG_END);
      const length = close < 0 ? unparsed.length : close + 1;
      const piece = unparsed.subarray(0, length);
      unparsed = unparsed.subarray(length);
      parser.write(piece);
    }
  }

  function arrive(element: Element): void {
    if (isRefused) return;
    if (element.is('error', NS_STREAM)) {
      cause ??= settings.streamFault(element);
      ended(cause.error);
    } else if (handler) {
      parsed.push(element);
      handOn();
    } else if (reader) {
      const waiting = reader;
      reader = undefined;
      waiting.resolve(element);
    }
  }

  function handOn(): void {
    while (handler && !handling && parsed.length > 0) {
      const result = handle(handler, parsed.shift()!);
      if (!result) continue;
      handling = true;
      turn();
      void result.then(() => {
        handling = false;
        handOn();
        turn();
      });
    }
    finish();
  }

  function handle(by: NonNullable<typeof handler>, element: Element): Promise<void> | undefined {
    const report = (error: unknown): void => log.error({ err: error }, 'a fault while handling a stanza');
    try {
      const result = by(element);
      return result instanceof Promise ? result.catch(report) : undefined;
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  /** Whose turn is it? Only then it is read; what comes after the end is read as well, to see the socket's. */
  function turn(): void {
    if (lent) return;
    if (closing || (handler ? !handling : reader || peeker)) socket.resume();
    else socket.pause();
  }

  /** By the peer: what it said before is handed on first. */
  function ended(error: Mom4cError): void {
    cause ??= { error };
    if (!closing) shut('</stream:stream>');
  }

  function shut(text: string): void {
    closing = true;
    if (lent || socket.connecting) socket.destroy();
    else if (!socket.destroyed) socket.end(octets.out > 0 || text.startsWith('<?xml') ? text : '');
    const force = clock.after(CLOSE_MS, abandon);
    void closed.then(force);
    settleReaders();
    turn();
  }

  function settleReaders(): void {
    const { error } = cause ?? { error: new Mom4cError(code, 'the connection was closed') };
    reader?.reject(error);
    peeker?.reject(error);
    reader = undefined;
    peeker = undefined;
  }

  function finish(): void {
    if (!socketClosed || end) return;
    if (!abandoned && (handling || (handler && parsed.length > 0))) return;
    end = cause ?? { error: new Mom4cError(code, 'the connection was closed') };
    closing = true;
    cancelWatch?.();
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
    parsed = [];
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
    if (socket.writableLength > MAX_UNSENT)
      return Promise.reject(new Mom4cError('M4C_BUSY', 'too much waits to be sent'));
    octets.out += Buffer.byteLength(text);
    if (unsent === 0) {
      lastTaken = clock.monotonic();
      cancelWatch?.();
      cancelWatch = clock.after(WRITE_MS, watch);
    }
    unsent += 1;
    return new Promise((resolve, reject) => {
      socket.write(text, (error) => {
        unsent -= 1;
        lastTaken = clock.monotonic();
        if (unsent === 0) cancelWatch?.();
        if (error) reject(gone());
        else resolve();
      });
    });
  }

  function watch(): void {
    const waited = clock.monotonic() - lastTaken;
    if (waited >= WRITE_MS) destroy(new Mom4cError(code, 'the peer takes nothing'));
    else cancelWatch = clock.after(WRITE_MS - waited, watch);
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
      return new Promise((resolve, reject) => {
        peeker = { resolve, reject };
        parse();
        turn();
      });
    },
    next() {
      if (closing || end) return Promise.reject(gone());
      if (reader) throw new Error('one reader at a time');
      return new Promise((resolve, reject) => {
        reader = { resolve, reject };
        parse();
        turn();
      });
    },
    consume(newHandler, waiting = []) {
      handler = newHandler;
      parsed.push(...waiting);
      const rest = unparsed;
      unparsed = EMPTY;
      if (rest.length > 0 && !closing) parser.write(rest);
      handOn();
      turn();
    },
    get pipelined() {
      return unparsed.some((octet) => !WHITE_SPACE.has(octet));
    },
    restart() {
      reader?.reject(new Mom4cError(code, 'a new stream has begun'));
      reader = undefined;
      unparsed = EMPTY;
      parser = newParser();
    },
    async upgrade(keep, wrap) {
      lent = true;
      detach();
      const raw = socket;
      // Whatever happens to it is told by what wraps it.
      raw.on('error', () => {});
      const rest = unparsed;
      unparsed = EMPTY;
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
    octets,
  };
}

const EMPTY = Buffer.alloc(0);
const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

export function streamError(condition: string): string {
  return `<stream:error><${condition} xmlns='${NS_STREAM_ERROR}'/></stream:error>`;
}
