/** What a stream between two servers is, whoever opened it (RFC 6120), and what it is to be held to. */
import type { Mom4cError } from '@mom4c/core';
import type { Element } from './element.ts';
import type { StreamEnd } from './stream.ts';

/** Two hosts, ours and theirs: what one authentication is for. */
export type HostPair = { readonly local: string; readonly remote: string };

/** PEM. */
export type S2sCredentials = { readonly cert: string; readonly key: string };

/** What the peer has proved to hold the key of, DER, and further ones as it sent them. */
export type PeerCertificate = { readonly der: Uint8Array; readonly chain: readonly Uint8Array[] };

/** `srv`: as DNS says for the host of the partner (RFC 6120 §3.2, XEP-0368). */
export type S2sAddress = { readonly host: string; readonly port: number } | 'srv';

export type S2sPolicy = {
  /** Which kinds of TLS are used or accepted. `either`: one of the two; `opportunistic`: either, or none. */
  readonly tls: 'direct' | 'starttls' | 'either' | 'opportunistic';
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Throws Mom4cError M4C_PARTNER_CERTIFICATE if it is not that of `host`. Undefined: any will do, or none. */
  readonly verify: ((peer: PeerCertificate | undefined, host: string) => void) | undefined;
  /** `none`: whatever the peer wishes, nothing of it checked. */
  readonly authentication: 'SAML20' | 'EXTERNAL' | 'dialback' | 'none';
};

/**
 * One direction, authenticated; it carries stanzas of the initiator only.
 *
 * Whether the addresses of a stanza are ones that `pair` may use is for the router to say: the stream does not look.
 * Silence: TCP keep-alive notices within 30 s that the peer's machine is gone, unless something is on its way to it; where
 * both sides know XEP-0198 they ask each other, and a frozen peer is noticed within 40 s. Else who uses the stream must ask.
 */
export type S2sStream = {
  readonly id: string;
  readonly pair: HostPair;
  readonly direction: 'in' | 'out';
  readonly peer: {
    /** IP address and port. */
    readonly address: string;
    /** Protocol, as `TLSv1.3`; undefined in clear. */
    readonly tls: string | undefined;
    /** SHA-256 of the peer's certificate, hex. */
    readonly certificate: string | undefined;
  };
  /** `out` only. Resolves when the system has taken the octets: awaiting it is the back-pressure.
   *  @throws Mom4cError M4C_PARTNER_STREAM (the stream has ended), M4C_TOO_LARGE, M4C_MALFORMED, M4C_BUSY */
  send(stanza: Element): Promise<void>;
  /** `in` only. Stanzas in their order, one at a time; while the promise is pending nothing more is read from the socket. */
  consume(handler: (stanza: Element) => void | Promise<void>): void;
  /** @param condition of a stream error, RFC 6120 §4.9.3, such as `invalid-from` */
  close(condition?: string): Promise<void>;
  destroy(error: Mom4cError): void;
  readonly closed: Promise<StreamEnd>;
  /** A peer that is silent is asked (XEP-0198), and the stream ends if it stays so. */
  readonly isWatched: boolean;
  readonly counts: { readonly stanzas: number; readonly octets: number };
};
