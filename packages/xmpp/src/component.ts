/**
 * The life of a component at its server: an address of its own, `commands.alpha.test`, that answers requests. As for a
 * session: one stream at a time, coming back with full jitter, one log line per outage.
 *
 * The server vouches for `from` alone. Whatever is not from an address and for ours is dropped and counted.
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
import {
  createComponentStream,
  handshake,
  type ComponentLink,
  type ComponentStream,
} from './component-stream.ts';
import type { Element } from './element.ts';
import { isAddress } from './incoming.ts';
import { createLife } from './life.ts';
import { createListeners, type Listener } from './listeners.ts';
import { createResponder, type RequestHandler, type RequestKind } from './responder.ts';
import { createUnseen, type DropReason, type Unseen } from './unseen.ts';

export type ComponentSettings = Pick<ComponentLink, 'host' | 'port' | 'domain' | 'secret'> & {
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: Random;
};

export type XmppComponent = {
  readonly domain: string;
  readonly online: boolean;
  /** Stanzas that nobody got to see, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Resolves when online for the first time; keeps trying while the server cannot be reached.
   *  @throws Mom4cError M4C_XMPP_LOGIN (wrong secret, or a component that the server does not know),
   *  M4C_XMPP_CONFLICT, M4C_CONFIG, M4C_STOPPED */
  start(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** The server refuses us, or somebody else has taken the address: this component has ended. */
  onFatal(listener: Listener<Mom4cError>): () => void;
  /** What was dropped, or answered with an error, before a handler saw it: to be counted and logged. */
  onUnseen(listener: Listener<Unseen>): () => void;
  /** Answers requests of one kind to the bare domain. @returns removes the handler */
  onRequest(kind: RequestKind, handler: RequestHandler): () => void;
};

export function createComponent(settings: ComponentSettings): XmppComponent {
  const { domain, log, clock = systemClock, random = systemRandom } = settings;
  if (!isDomain(domain)) throw new Mom4cError('M4C_MALFORMED', 'a component is a domain');
  let stream: ComponentStream | undefined;
  const fatal = createListeners<Mom4cError>('fatal', log);
  const { dropped, drop, onUnserved, onUnseen } = createUnseen(log);
  const responder = createResponder(send, { log, clock, random, onUnserved });

  async function send(stanza: Element): Promise<void> {
    if (!stream) throw new Mom4cError('M4C_XMPP_OFFLINE');
    await stream.send(stanza);
  }

  /** XEP-0114 §3: every stanza has `from` and `to`. */
  function receive(element: Element): void {
    const { from, to, type } = element.attrs;
    if (from === undefined || !isAddress(from)) return drop('no usable sender');
    const isRequest = element.is('iq') && type !== 'result' && type !== 'error';
    if (to !== domain || !isRequest) return drop('unexpected', from);
    responder.receive({ from, to, type, element });
  }

  const life = createLife<ComponentStream>({
    ...{ jid: domain, log, clock, random },
    async establish(ended) {
      const fresh = createComponentStream({ ...settings, clock, onDropped: (reason) => drop(reason) });
      await handshake(fresh, clock, ended);
      return fresh;
    },
    use(current) {
      stream = current;
      current.consume(receive);
      return () => (stream = undefined);
    },
    onEnd(error) {
      if (error.code === 'M4C_STOPPED') return;
      log.error({ code: error.code, detail: error.detail, component: domain }, 'the component has ended');
      fatal.call(error);
    },
  });

  return {
    domain,
    dropped,
    get online() {
      return stream !== undefined;
    },
    start: (signal) => life.start(signal),
    stop: () => life.stop(),
    onUnseen,
    onFatal: (listener) => fatal.add(listener),
    onRequest: (kind, handler) => responder.handle(kind, handler),
  };
}
