/** Opens a stream to another server and authenticates on it. */
import { Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import type { DialbackKeys } from './dialback.ts';
import type { HostPair, S2sAddress, S2sCredentials, S2sPolicy, S2sStream } from './s2s.ts';
import type { SamlUser } from './saml20.ts';

export type S2sConnection = {
  readonly pair: HostPair;
  readonly address: S2sAddress;
  readonly policy: S2sPolicy;
  readonly credentials: S2sCredentials;
  /** Needed where the policy says SAML20. */
  readonly saml?: SamlUser | undefined;
  /** Needed where it says dialback; used where it says none and the peer wishes it. The listener has the same. */
  readonly dialback?: DialbackKeys | undefined;
  /** Steps of the log-in are told to it at debug level: `step`, `partner`, `stream`. */
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
};

/** Resolves when stanzas may be sent; every phase has a time limit.
 *  @throws Mom4cError M4C_PARTNER_STREAM (not reached, ended, no answer in time), M4C_PARTNER_LEVEL, M4C_PARTNER_CERTIFICATE,
 *  M4C_PARTNER_LOGIN, M4C_STOPPED (aborted), M4C_CERTIFICATE_INVALID (the own one), what `SamlUser.logIn` throws */
export async function connectS2s(connection: S2sConnection): Promise<S2sStream> {
  throw new Mom4cError('M4C_INTERNAL', `streams to ${connection.pair.remote} are not there yet`);
}
