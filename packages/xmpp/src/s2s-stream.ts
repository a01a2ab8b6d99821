/** A stream that is authenticated: stanzas one way, and the few words that belong to the stream itself. */
import { createHash } from 'node:crypto';
import { Mom4cError, type Clock } from '@mom4c/core';
import { xml, type Element } from './element.ts';
import { NS_DIALBACK, NS_MANAGEMENT, NS_SERVER, NS_STREAM, NS_STREAM_ERROR } from './namespaces.ts';
import type { HostPair, S2sStream } from './s2s.ts';
import type { Secured } from './s2s-tls.ts';
import { standAlone } from './stand-alone.ts';
import { askWhenSilent, managementAnswer, MANAGEMENT_ENABLED } from './stream-management.ts';
import type { StreamEnd } from './stream.ts';
import type { XmlLink } from './xml-link.ts';

export type NegotiatedStream = {
  readonly link: XmlLink;
  readonly id: string;
  readonly pair: HostPair;
  readonly direction: 'in' | 'out';
  readonly peer: S2sStream['peer'];
  readonly clock: Clock;
  /** Are XEP-0198's acknowledgements offered by who received the stream? */
  readonly managed: boolean;
  /** Answers what of dialback comes on a stream that is authenticated already, or refuses it. */
  readonly onDialback?: ((element: Element) => void) | undefined;
  /** A stanza that was dropped, or what ended the stream. */
  readonly onRefused: (error: Mom4cError) => void;
};

const ENABLING = { in: 'enable', out: 'enabled' } as const;
const STANZAS: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

/** @param waiting what has been read already */
export function createS2sStream(negotiated: NegotiatedStream, waiting: readonly Element[] = []): S2sStream {
  const { link, id, pair, direction, peer, clock, onDialback, onRefused } = negotiated;
  const started = { in: link.octets.in, out: link.octets.out };
  let stanzas = 0;
  let consuming = false;
  let enabled = false;
  let refused = false;

  if (direction === 'out') link.consume(receive, waiting);

  function unsupported(): void {
    if (refused) return;
    refused = true;
    const detail = 'something that this stream does not carry';
    onRefused(new Mom4cError('M4C_PARTNER_STREAM', detail));
    void close('unsupported-stanza-type', detail);
  }

  /** What both directions have. @returns was it that? */
  function manage(element: Element): boolean {
    if (element.getNS() !== NS_MANAGEMENT || !negotiated.managed) return false;
    const name = element.getName();
    // Whoever asks and does not read ends at the bounds of the link.
    const say = (text: string): void => {
      link.write(text).catch((error: unknown) => link.destroy(error as Mom4cError));
    };
    if (name === 'r') say(managementAnswer(direction === 'in' ? stanzas : 0));
    else if (name === ENABLING[direction] && !enabled) {
      enabled = true;
      if (direction === 'in') say(MANAGEMENT_ENABLED);
      askWhenSilent(link, clock);
    } else if (name !== 'a' && name !== 'failed') return false;
    return true;
  }

  function receive(
    element: Element,
    handler?: (stanza: Element) => void | Promise<void>,
  ): void | Promise<void> {
    if (manage(element)) return;
    if (element.getNS() === NS_DIALBACK && onDialback) return onDialback(element);
    if (!handler || !STANZAS.has(element.name) || element.getNS() !== NS_SERVER) return unsupported();
    stanzas += 1;
    try {
      standAlone(element);
    } catch (error) {
      return onRefused(error as Mom4cError);
    }
    return handler(element);
  }

  function close(condition?: string, detail = 'closed by this side'): Promise<void> {
    return link.close(new Mom4cError('M4C_PARTNER_STREAM', detail), condition);
  }

  return {
    id,
    pair,
    direction,
    peer,
    async send(stanza) {
      if (direction === 'in') throw new Mom4cError('M4C_PARTNER_STREAM', 'stanzas of the peer only');
      await link.send(standAlone(stanza));
      stanzas += 1;
    },
    consume(handler) {
      if (direction === 'out' || consuming) throw new Error('an incoming stream is consumed once');
      consuming = true;
      link.consume((element) => receive(element, handler), waiting);
    },
    close,
    destroy: (error) => link.destroy(error),
    closed: link.closed,
    get isWatched() {
      return enabled;
    },
    get counts() {
      return { stanzas, octets: link.octets[direction] - started[direction] };
    },
  };
}

export function peerOf(secured: Secured | undefined, address: string): S2sStream['peer'] {
  const shown = secured?.peer;
  return {
    address,
    tls: secured?.version,
    certificate: shown && createHash('sha256').update(shown.der).digest('hex'),
  };
}

/** RFC 6120 §4.9.3: those by which the peer refuses us, or what we are to it. */
const REFUSALS: ReadonlySet<string> = new Set([
  'host-unknown',
  'host-gone',
  'invalid-from',
  'not-authorized',
  'policy-violation',
]);

/** @param element `<stream:error/>` */
export function s2sFault(element: Element): StreamEnd {
  const condition = element
    .getChildElements()
    .find((child) => child.getNS() === NS_STREAM_ERROR && child.getName() !== 'text')
    ?.getName();
  const code = REFUSALS.has(condition ?? '') ? 'M4C_PARTNER_LOGIN' : 'M4C_PARTNER_STREAM';
  const shown = /^[a-z-]{1,64}$/.test(condition ?? '') ? condition : 'without a condition';
  return { condition, error: new Mom4cError(code, `stream error ${shown}`) };
}

/** What either side begins a stream with. All of it has been checked, or was made by us. */
export function streamHeader(attributes: {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly id?: string;
}): string {
  const root = xml('stream:stream', {
    xmlns: NS_SERVER,
    'xmlns:stream': NS_STREAM,
    'xmlns:db': NS_DIALBACK,
    ...attributes,
    version: '1.0',
  }).toString();
  return `<?xml version='1.0'?>${root.slice(0, -2)}>`;
}

export function features(...within: readonly string[]): string {
  return `<stream:features>${within.join('')}</stream:features>`;
}
