/**
 * One connection of an external component (XEP-0114 §3) to its server: header, handshake, stanzas. No library is in
 * it: @xmpp/component answers every request that it does not know, so that a gateway could not pass one on.
 *
 * The link is plain TCP, and the handshake proves the secret without binding it to the connection: it is for the
 * loopback interface only.
 *
 * INVARIANTS
 * - Nothing is handed on before the server has accepted the handshake; what comes with its answer is not lost.
 * - `closed` resolves once, with the first cause; from then on every `send` is rejected.
 * - Stanzas are handed on in order, one at a time. While one is worked on, and while nobody listens, the socket is not
 *   read: what waits here is what came in one read.
 */
import { createHash } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { isLoopback, Mom4cError, type Clock, type Log } from '@mom4c/core';
import { serialise, xml, type Element } from './element.ts';
import { HandOver, type StanzaHandler } from './hand-over.ts';
import { NS_STREAM } from './namespaces.ts';
import { createSocketWriter } from './socket-writer.ts';
import { createStanzaParser } from './stanza-parser.ts';
import { offline, streamFault } from './stream-fault.ts';
import { within } from './stream-limit.ts';
import type { StreamEnd, XmlStream } from './stream.ts';

export type ComponentLink = {
  /** An address of the loopback interface. */
  readonly host: string;
  readonly port: number;
  /** The domain that the component is. */
  readonly domain: string;
  readonly secret: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly onDropped?: (reason: 'too large' | 'too deep') => void;
};

export type ComponentStream = Pick<XmlStream, 'send' | 'close' | 'destroy' | 'closed'> & {
  /** From now on all stanzas go to `handler`, in order. */
  consume(handler: StanzaHandler): void;
  /** Resolves when the server has accepted us. @throws Mom4cError M4C_XMPP_LOGIN, M4C_XMPP_CONFLICT, M4C_XMPP_UNREACHABLE */
  shakeHands(): Promise<void>;
};

const NS_COMPONENT = 'jabber:component:accept';
const HANDSHAKE_MS = 20_000;

/** Connects. @throws Mom4cError M4C_CONFIG (not the loopback interface) */
export function createComponentStream(link: ComponentLink): ComponentStream {
  const { host, port, domain, secret, log, clock, onDropped } = link;
  if (!isLoopback(host)) throw new Mom4cError('M4C_CONFIG', 'a component is linked over loopback only');
  const accepted = Promise.withResolvers<void>();
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<StreamEnd>();
  let state: 'header' | 'handshake' | 'open' | 'closing' = 'header';
  let cause: StreamEnd | undefined;
  let end: StreamEnd | undefined;

  const parser = createStanzaParser({
    header(root) {
      if (state !== 'header' || !root.is('stream', NS_STREAM)) return fault('no XMPP server');
      state = 'handshake';
      socket.write(serialise(xml('handshake', {}, proof(root.attrs.id ?? '', secret))));
    },
    element: receive,
    end: () => fault('the server ended the stream'),
    dropped(reason) {
      log.warn({ reason }, 'dropped a stanza');
      onDropped?.(reason);
    },
    fault: (reason) => fault(`unusable stream: ${reason}`),
  });

  const socket = connectTcp({ host, port, noDelay: true }, () =>
    socket.write(
      `<?xml version='1.0'?><stream:stream xmlns='${NS_COMPONENT}' xmlns:stream='${NS_STREAM}' to='${domain}'>`,
    ),
  );
  const inbox = new HandOver(log, () => {
    if (inbox.isWaiting || inbox.isHandling) socket.pause();
    else socket.resume();
  });
  const writer = createSocketWriter({ socket: () => socket, clock, failure: offline });
  // No keep-alive: on loopback a peer that is gone is closed at once.
  socket.on('data', (octets: Buffer) => parser.write(octets));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    cause ??= { error: unreachable(error.code ?? 'connection lost') };
  });
  socket.on('end', () => fault('the server closed the connection'));
  socket.on('close', () => {
    end = cause ?? { error: unreachable('the connection was closed') };
    writer.closed();
    inbox.clear();
    accepted.reject(end.error);
    resolveClosed(end);
  });
  // Whoever does not shake hands learns it from `closed`.
  accepted.promise.catch(() => {});

  function receive(element: Element): void {
    if (element.is('error', NS_STREAM)) {
      cause ??= streamFault(element);
      void close();
    } else if (state === 'open') {
      inbox.add(element);
    } else if (state === 'handshake' && element.is('handshake')) {
      state = 'open';
      accepted.resolve();
    } else if (state !== 'closing') fault('something else than an answer to the handshake');
  }

  function fault(detail: string): void {
    destroy(unreachable(detail));
  }

  function destroy(error: Mom4cError): void {
    cause ??= { error };
    socket.destroy();
  }

  async function close(): Promise<void> {
    if (state !== 'closing' && !end) {
      state = 'closing';
      cause ??= { error: offline() };
      writer.end('</stream:stream>', () => socket.destroy());
    }
    await closed;
  }

  return {
    shakeHands: () => accepted.promise,
    consume: (handler) => inbox.begin(handler),
    async send(element) {
      if (end || state !== 'open') throw offline(end?.error);
      await writer.write(serialise(element));
    },
    close,
    destroy,
    closed,
  };
}

/** Waits until the server has accepted it, for a limited time. If it does not, the stream is closed.
 *  @throws Mom4cError M4C_XMPP_LOGIN, M4C_XMPP_CONFLICT, M4C_XMPP_UNREACHABLE */
export function handshake(stream: ComponentStream, clock: Clock, signal: AbortSignal): Promise<void> {
  const limit = { ms: HANDSHAKE_MS, clock, signal, what: 'handshake' };
  return within(limit, stream, () => stream.shakeHands());
}

/** XEP-0114 §3: SHA-1 is what the protocol says; here it only keeps the secret out of sight on loopback. */
function proof(streamId: string, secret: string): string {
  return createHash('sha1').update(`${streamId}${secret}`).digest('hex');
}

function unreachable(detail: string): Mom4cError {
  return new Mom4cError('M4C_XMPP_UNREACHABLE', detail);
}
