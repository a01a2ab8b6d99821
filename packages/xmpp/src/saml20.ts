/** What the SASL mechanism SAML20 (RFC 6595) asks of the authentication agent of its own domain, on either side. */
import type { HostPair } from './s2s.ts';

/** The relying party's side. */
export type SamlVerdicts = {
  /** @param ask.stream unguessable id of the stream
   *  @param ask.pair its `remote` is what the certificate of the peer was verified for; `authzid` is the same
   *  @param ask.idp as the peer names it, '' where it leaves the choice
   *  @param ask.signal aborted when the stream is gone, or has waited for too long
   *  @returns the URL of the challenge, and the verdict: resolves when a good assertion has come, rejects with a Mom4cError */
  begin(ask: {
    readonly stream: string;
    readonly pair: HostPair;
    readonly authzid: string;
    readonly idp: string;
    readonly signal: AbortSignal;
  }): Promise<{ readonly url: string; readonly verdict: Promise<void> }>;
};

/** The user's side. */
export type SamlUser = {
  /** Entity id of the identity provider, or ''. */
  readonly idp: string;
  /** @param ask.url https, at most 2,048 characters, not compared with anything yet
   *  @param ask.stream id that the peer gave the stream
   *  @throws Mom4cError */
  logIn(ask: {
    readonly url: string;
    readonly pair: HostPair;
    readonly stream: string;
    readonly signal: AbortSignal;
  }): Promise<void>;
};
