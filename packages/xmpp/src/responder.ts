/** IQ requests of others: exactly one answer for each (RFC 6120 §8.2.3). */
import {
  asMom4cError,
  FairQueue,
  Mom4cError,
  uuidv7,
  type Clock,
  type FairLimits,
  type Log,
  type Random,
} from '@mom4c/core';
import { MAX_STANZA_OCTETS, xml, type Element } from './element.ts';
import { partyOf, weightOf, type Incoming } from './incoming.ts';
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

/** What is worked on, and what waits for its turn; what is above gets M4C_BUSY. */
export const REQUEST_LIMITS: FairLimits = {
  running: 128,
  runningPerParty: 32,
  perParty: { pieces: 128, octets: 8 * MAX_STANZA_OCTETS },
  total: { pieces: 8192, octets: 128 * MAX_STANZA_OCTETS },
};

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
  const queue = new FairQueue(REQUEST_LIMITS);

  /** What to do with a request; or the answer, where no handler gets to see it. */
  function route({ from, type, element }: Incoming): (() => Promise<Element | undefined>) | Element {
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
    return () => outcomeOf(handler, { from, type, element, child });
  }

  async function outcomeOf(handler: RequestHandler, request: IncomingRequest): Promise<Element | undefined> {
    try {
      return await handler(request);
    } catch (thrown) {
      const correlate = (): string => uuidv7(clock, random);
      return errorElement(
        asMom4cError(thrown, correlate, (bug, correlation) =>
          log.error({ err: bug, correlation, from: request.from }, 'a fault while answering a request'),
        ),
      );
    }
  }

  async function answer(stanza: Incoming, outcome: Element | undefined): Promise<void> {
    const { from: to, to: from, element } = stanza;
    const base = { from, to, id: element.attrs.id };
    try {
      if (outcome?.is('error')) await transmit(xml('iq', { ...base, type: 'error' }, outcome));
      else await transmit(xml('iq', { ...base, type: 'result' }, outcome));
    } catch (error) {
      // A result above the cap becomes an error; that the connection is gone needs no answer.
      if (!(error instanceof Mom4cError) || error.code === 'M4C_XMPP_OFFLINE') throw error;
      await transmit(xml('iq', { ...base, type: 'error' }, errorElement(error)));
    }
  }

  /** Never rejects: an answer that cannot be sent is the asker's loss. */
  async function respond(stanza: Incoming, outcome: Promise<Element | undefined> | Element): Promise<void> {
    try {
      await answer(stanza, await outcome);
    } catch (error) {
      log.debug({ err: error, to: stanza.from }, 'an answer was not sent');
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
      const routed = route(stanza);
      // What needs no work needs no turn.
      if (typeof routed !== 'function') return void respond(stanza, routed);
      if (queue.offer(partyOf(stanza), weightOf(stanza), () => respond(stanza, routed()))) return;
      const busy = new Mom4cError('M4C_BUSY');
      onUnserved(busy, stanza.from);
      void respond(stanza, errorElement(busy));
    },
  };
  // XEP-0199
  responder.handle({ name: 'ping', xmlns: NS_PING }, async () => undefined);
  return responder;
}

function key(name: string, xmlns: string): string {
  return `{${xmlns}}${name}`;
}
