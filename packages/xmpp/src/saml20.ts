/** The SASL mechanism SAML20 (RFC 6595): its messages, and what it asks of the authentication agent of its own domain. */
import { Mom4cError } from '@mom4c/core';
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

/** The first message: a GS2 header (RFC 5801 §4) without channel binding, and the identity provider. */
export type SamlInitial = {
  /** Undefined: whoever the assertion will name. */
  readonly authzid: string | undefined;
  /** '' leaves the choice to the relying party. */
  readonly idp: string;
};

const MAX_MESSAGE = 2_048;
/** RFC 5801 §4: saslname, narrowed to printable ASCII; `,` and `=` are written out. */
const INITIAL = /^n,(?:a=((?:[!-+\--<>-~]|=2C|=3D)+))?,([!-~]*)$/;

/** @returns octets, before base64. @throws Mom4cError M4C_MALFORMED (what could not be read back) */
export function writeSamlInitial({ authzid, idp }: SamlInitial): string {
  const name = authzid === undefined ? '' : `a=${authzid.replaceAll('=', '=3D').replaceAll(',', '=2C')}`;
  const message = `n,${name},${idp}`;
  readSamlInitial(message);
  return message;
}

/** @throws Mom4cError M4C_MALFORMED */
export function readSamlInitial(message: string): SamlInitial {
  const match = message.length <= MAX_MESSAGE ? INITIAL.exec(message) : null;
  if (!match) throw new Mom4cError('M4C_MALFORMED', 'no first message of SAML20');
  return {
    authzid: match[1]?.replaceAll('=2C', ',').replaceAll('=3D', '='),
    idp: match[2]!,
  };
}

/** The challenge. @throws Mom4cError M4C_MALFORMED */
export function readSamlChallenge(message: string): string {
  if (message.length > MAX_MESSAGE || !/^https:\/\/[!-~]+$/.test(message) || !URL.canParse(message))
    throw new Mom4cError('M4C_MALFORMED', 'the challenge is no https URL');
  return message;
}

/** The answer that says "I am on my way" as GNU SASL writes it; RFC 6595 has an empty one. */
export const SAML_ANSWER = '=';

export function isSamlAnswer(message: string): boolean {
  return message === '' || message === SAML_ANSWER;
}
