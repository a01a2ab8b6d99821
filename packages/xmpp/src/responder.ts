/** IQ requests of others: exactly one answer for each (RFC 6120 §8.2.3). */
import { asMom4cError, Mom4cError, uuidv7, type Clock, type Log, type Random } from '@mom4c/core';
import { xml, type Element } from './element.ts';
import type { Incoming } from './incoming.ts';
import { NS_PING } from './namespaces.ts';
import { errorElement, plainErrorElement } from './stanza-error.ts';

export type IncomingRequest = Incoming & {
  readonly type: 'get' | 'set';
  /** The payload: the one child. */
  readonly child: Element;
};

export type RequestKind = { readonly name: string; readonly xmlns: string };
/** @returns the payload of the result, if it has any. A Mom4cError that it throws is the answer. */
export type RequestHandler = (request: IncomingRequest) => Promise<Element | undefined>;

export type Responder = {
  /** @returns removes the handler again. One handler per kind. */
  handle(kind: RequestKind, handler: RequestHandler): () => void;
  /** An `<iq/>` of type `get` or `set`, or of an unknown type. */
  receive(stanza: Incoming): void;
};

/** What got an error before any handler saw it. */
export type OnUnserved = (error: Mom4cError, from: string) => void;

/** Requests that handlers may work on at once; what is above gets M4C_BUSY. */
export const MAX_CONCURRENT_REQUESTS = 64;

export function createResponder(
  transmit: (stanza: Element) => Promise<void>,
  {
    log,
    clock,
    random,
    onUnserved = () => {},
  }: { log: Log; clock: Clock; random: Random; onUnserved?: OnUnserved },
): Responder {
  const handlers = new Map<string, RequestHandler>();
  const namespaces = new Map<string, number>();
  let running = 0;

  async function respond(stanza: Incoming): Promise<void> {
    const answer = await outcomeOf(stanza);
    const { from: to, to: from, element } = stanza;
    const base = { from, to, id: element.attrs.id };
    try {
      if (answer?.is('error')) await transmit(xml('iq', { ...base, type: 'error' }, answer));
      else await transmit(xml('iq', { ...base, type: 'result' }, answer));
    } catch (error) {
      // A result above the cap becomes an error; that the connection is gone needs no answer.
      if (!(error instanceof Mom4cError) || error.code === 'M4C_XMPP_OFFLINE') throw error;
      await transmit(xml('iq', { ...base, type: 'error' }, errorElement(error)));
    }
  }

  async function outcomeOf({ from, type, element }: Incoming): Promise<Element | undefined> {
    const unserved = (error: Mom4cError, answer = errorElement(error)): Element => {
      onUnserved(error, from);
      return answer;
    };
    const [child, ...more] = element.getChildElements();
    if ((type !== 'get' && type !== 'set') || !child || more.length > 0)
      return unserved(new Mom4cError('M4C_MALFORMED', 'a request holds one element'));
    const xmlns = child.getNS() ?? '';
    const handler = handlers.get(key(child.getName(), xmlns));
    // §8.4: an unknown namespace is a service that is not here; within a known one, a feature.
    if (!handler)
      return unserved(
        new Mom4cError('M4C_UNEXPECTED', 'a request that is not served here'),
        plainErrorElement(
          'cancel',
          namespaces.has(xmlns) ? 'feature-not-implemented' : 'service-unavailable',
        ),
      );
    if (running >= MAX_CONCURRENT_REQUESTS) return unserved(new Mom4cError('M4C_BUSY'));
    running += 1;
    try {
      return await handler({ from, type, element, child });
    } catch (thrown) {
      const correlate = (): string => uuidv7(clock, random);
      return errorElement(
        asMom4cError(thrown, correlate, (bug, correlation) =>
          log.error({ err: bug, correlation, from }, 'a fault while answering a request'),
        ),
      );
    } finally {
      running -= 1;
    }
  }

  const responder: Responder = {
    handle({ name, xmlns }, handler) {
      const own = key(name, xmlns);
      if (handlers.has(own)) throw new Error(`two handlers for ${own}`);
      handlers.set(own, handler);
      namespaces.set(xmlns, (namespaces.get(xmlns) ?? 0) + 1);
      return () => {
        if (!handlers.delete(own)) return;
        const left = namespaces.get(xmlns)! - 1;
        if (left > 0) namespaces.set(xmlns, left);
        else namespaces.delete(xmlns);
      };
    },
    receive(stanza) {
      respond(stanza).catch((error: unknown) =>
        log.debug({ err: error, to: stanza.from }, 'an answer was not sent'),
      );
    },
  };
  // XEP-0199
  responder.handle({ name: 'ping', xmlns: NS_PING }, async () => undefined);
  return responder;
}

function key(name: string, xmlns: string): string {
  return `{${xmlns}}${name}`;
}
