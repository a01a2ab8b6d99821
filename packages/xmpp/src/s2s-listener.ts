/** Takes streams of other servers, direct TLS or STARTTLS on one port, and authenticates who opens them. */
import { Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import type { DialbackKeys } from './dialback.ts';
import type { S2sAddress, S2sCredentials, S2sPolicy, S2sStream } from './s2s.ts';
import type { SamlVerdicts } from './saml20.ts';

export type S2sListening = {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly credentials: S2sCredentials;
  /** Ours. */
  readonly hosts: readonly string[];
  /** @returns undefined if that host is no partner's */
  policyFor(remote: string): S2sPolicy | undefined;
  /** Needed where a policy says SAML20. */
  readonly saml?: SamlVerdicts | undefined;
  /** Needed where a policy says dialback. `addressOf`: the server that is asked about a key of this host. */
  readonly dialback?: { readonly keys: DialbackKeys; addressOf(remote: string): S2sAddress } | undefined;
  readonly limits?: Partial<S2sLimits>;
  /** Steps of the log-in are told to it at debug level: `step`, `partner`, `stream`. */
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Authenticated. Nothing is read from it before `consume`. */
  onStream(stream: S2sStream): void;
  /** Once for each connection that did not become a stream. @param from the host that it claimed, or else its address */
  onRefused(error: Mom4cError, from: string): void;
};

export type S2sLimits = {
  /** Connections at a time, in whatever state. */
  readonly connections: number;
  /** Of these, not authenticated. Beyond it the oldest that has not named a partner and shown his certificate goes. */
  readonly halfOpen: number;
  /** The same for each IP address. */
  readonly halfOpenPerAddress: number;
};

export type S2sListener = {
  readonly port: number;
  readonly connections: number;
  /** For handshakes from now on. @throws Mom4cError M4C_CERTIFICATE_INVALID, and the former stay */
  renew(credentials: S2sCredentials): void;
  /** Ends all streams in order. */
  stop(): Promise<void>;
};

/** @throws Mom4cError M4C_CONFIG (the port cannot be had), M4C_CERTIFICATE_INVALID */
export async function listenS2s(listening: S2sListening): Promise<S2sListener> {
  throw new Mom4cError('M4C_INTERNAL', `streams to port ${listening.port} are not there yet`);
}
