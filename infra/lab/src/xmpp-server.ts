/** The XMPP server of a domain: ejabberd or Prosody, by one interface: what they have in common. */
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { OnStart } from './server.ts';
import type { TlsFiles } from './server-folder.ts';

/** The first is the default. */
export const XMPP_SERVERS = ['ejabberd', 'prosody'] as const;
export type XmppServerKind = (typeof XMPP_SERVERS)[number];

/** @throws Mom4cError M4C_USAGE */
export function xmppServerKind(name: string): XmppServerKind {
  const kind = XMPP_SERVERS.find((known) => known === name);
  if (kind === undefined)
    throw new Mom4cError('M4C_USAGE', `an XMPP server is one of ${XMPP_SERVERS.join(', ')}`);
  return kind;
}

export type XmppServerOptions = {
  /** Made if it is not there; an existing one is used again, with its accounts and rooms. */
  folder: string;
  domain: string;
  tls: TlsFiles;
  /** Local parts of the addresses that may make rooms. */
  managers: readonly string[];
  /** Writes every stanza to `xmppLog`. */
  showStanzas?: boolean | undefined;
  /** Changes the configuration before it is written: to try what servers of other operators do. */
  adjust?: ((config: string) => string) | undefined;
  /** A free one by default. */
  port?: number | undefined;
  onStart?: OnStart | undefined;
};

/** Where a server with this folder writes what it does, and with `showStanzas` each stanza, one a line. */
export function xmppLog(kind: XmppServerKind, folder: string): string {
  return join(folder, `${kind}.log`);
}
