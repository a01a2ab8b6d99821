/** What there is to say about the link to one partner. */
import type { ErrorCode } from '@mom4c/core';
import type { S2sStream } from '@mom4c/xmpp';
import type { Level } from '../partner.ts';

/**
 * - `up`: stanzas flow. For sso both directions are there; below sso at least one outgoing stream is.
 * - `connecting`: a stream is being opened, or the partner has not opened his yet.
 * - `waiting`: it failed; after a pause it is tried again.
 * - `down`: nothing is open and nothing is tried; below sso the next stanza changes that.
 * - `disconnected`: an administrator wants it so, or has not yet asked for it.
 */
export type LinkState = 'up' | 'connecting' | 'waiting' | 'down' | 'disconnected';

export type StreamStatus = {
  readonly id: string;
  /** Hosts, ours and theirs. */
  readonly local: string;
  readonly remote: string;
  /** IP address and port of the peer. */
  readonly address: string;
  /** TLS protocol; undefined in clear. */
  readonly tls: string | undefined;
};

/** Since the gateway has started. */
export type LinkCounts = {
  /** Stanzas that were written to a stream of the partner, and that came from him and reached our server. */
  readonly sent: number;
  readonly received: number;
  /** Octets of all streams of the direction, their beginnings included. */
  readonly sentOctets: number;
  readonly receivedOctets: number;
  /** Stanzas that could not be handed on and went back to their sender as an error: of ours, of the partner. */
  readonly bouncedOut: number;
  readonly bouncedIn: number;
  /** Stanzas that could not be handed on, of a kind that nobody is told about. */
  readonly dropped: number;
  /** Times that it came up, and was lost. */
  readonly ups: number;
  readonly downs: number;
  /** Incoming streams that took the place of an older one. */
  readonly replaced: number;
};

export type LinkStatus = {
  readonly partner: string;
  readonly level: Level;
  readonly state: LinkState;
  readonly out: readonly StreamStatus[];
  readonly in: readonly StreamStatus[];
  /** Of the state, milliseconds since 1970. */
  readonly since: number;
  /** Why it is not up; of the last failure. */
  readonly reason: { readonly code: ErrorCode; readonly detail: string | undefined } | undefined;
  readonly counts: LinkCounts;
  /** What waits to be written to the partner. */
  readonly queue: { readonly stanzas: number; readonly octets: number };
  /** Presences that are remembered of both sides, for when the link is lost. */
  readonly present: number;
};

export function streamStatus({ id, pair, peer }: Pick<S2sStream, 'id' | 'pair' | 'peer'>): StreamStatus {
  return { id, ...pair, address: peer.address, tls: peer.tls };
}

/** Of streams that are there and that were. */
export function streamOctets(): { watch(stream: S2sStream): void; sum(): number } {
  const streams = new Set<S2sStream>();
  let past = 0;
  return {
    watch(stream) {
      streams.add(stream);
      void stream.closed.then(() => {
        streams.delete(stream);
        past += stream.counts.octets;
      });
    },
    sum: () => [...streams].reduce((sum, { counts }) => sum + counts.octets, past),
  };
}
