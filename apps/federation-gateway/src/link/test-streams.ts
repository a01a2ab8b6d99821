/** For tests only: streams that a test opens and ends, stanzas in a line of text. */
import { Mom4cError, type Log, type Random } from '@mom4c/core';
import type { Element, HostPair, S2sStream } from '@mom4c/xmpp';

/** The pause is always as long as it may be. */
export const longestPause: Random = { bytes: (count) => Buffer.alloc(count, 0xff) };

export function rememberingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const at =
    (level: keyof Log) =>
    (_fields: object, message: string): void =>
      void (level === 'debug' || lines.push(message));
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export type FakeStream = S2sStream & {
  readonly isOpen: boolean;
  readonly sent: Element[];
  isWatched: boolean;
  /** How it was closed from our side. */
  readonly ended: string | undefined;
  /** What it has sent becomes false: sends fail. */
  end(): void;
  /** Resolves when it has been dealt with. */
  arrive(stanza: Element): void | Promise<void>;
};

export const LOST = new Mom4cError('M4C_PARTNER_STREAM', 'lost');

export function fakeStream(direction: 'in' | 'out', pair: HostPair): FakeStream {
  const { promise: closed, resolve } = Promise.withResolvers<{ error: Mom4cError }>();
  const sent: Element[] = [];
  const counts = { stanzas: 0, octets: 0 };
  let handler: ((stanza: Element) => void | Promise<void>) | undefined;
  let isOpen = true;
  let ended: string | undefined;
  const end = (how: string | undefined, error: Mom4cError): void => {
    if (!isOpen) return;
    isOpen = false;
    ended = how;
    resolve({ error });
  };
  return {
    ...{ id: 'x', pair, direction, closed, sent, counts, isWatched: true },
    peer: { address: '127.0.0.1:1', tls: 'TLSv1.3', certificate: undefined },
    get isOpen() {
      return isOpen;
    },
    get ended() {
      return ended;
    },
    async send(stanza) {
      if (!isOpen) throw LOST;
      counts.stanzas += 1;
      sent.push(stanza);
    },
    consume(given) {
      handler = given;
    },
    async close(condition) {
      end(condition ?? 'closed', LOST);
    },
    destroy: (error) => end('destroyed', error),
    end: () => end(undefined, LOST),
    arrive(stanza) {
      counts.stanzas += 1;
      return handler?.(stanza);
    },
  };
}

/** Lets everything run that can. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}
