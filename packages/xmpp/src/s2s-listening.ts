/** What a listener for streams of other servers is given. */
import type { Clock, Log, Mom4cError, Random } from '@mom4c/core';
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
  readonly policyFor: (remote: string) => S2sPolicy | undefined;
  /** Needed where a policy says SAML20. */
  readonly saml?: SamlVerdicts | undefined;
  /** Needed where a policy says dialback. `addressOf`: the server that is asked about a key of this host. */
  readonly dialback?:
    | { readonly keys: DialbackKeys; readonly addressOf: (remote: string) => S2sAddress }
    | undefined;
  readonly limits?: Partial<S2sLimits>;
  /** Steps of the log-in are told to it at debug level: `step`, `partner`, `stream`. */
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Authenticated. Nothing is read from it before `consume`. */
  readonly onStream: (stream: S2sStream) => void;
  /** Once for each connection that did not become a stream; on a stream, for each stanza that was dropped and for what
   *  the peer sent that ended it. @param from the host that it claimed, or else its address */
  readonly onRefused: (error: Mom4cError, from: string) => void;
};

export type S2sLimits = {
  /** Connections at a time, in whatever state. */
  readonly connections: number;
  /** Of these, not authenticated. Beyond it the oldest that has not named a partner and shown his certificate goes. */
  readonly halfOpen: number;
  /** The same for each IP address. */
  readonly halfOpenPerAddress: number;
};
