/** The XMPP server of a domain: ejabberd or Prosody, by one interface: what they have in common. */
import { join } from 'node:path';
import { Mom4cError, isDomain } from '@mom4c/core';
import { readSecret } from '@mom4c/runtime';
import { LOOPBACK } from './ports.ts';
import type { ServerFolder } from './server-folder.ts';
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

export type PeopleHost = {
  /** `people.alpha.test`; `people.` and the domain. */
  readonly host: string;
  /** Made at the start, where they are not there yet. */
  readonly accounts: readonly { readonly name: string; readonly passwordFile: string }[];
  /** The external component (XEP-0114) that serves them, on 127.0.0.1. */
  readonly component: { readonly domain: string; readonly port: number; readonly secretFile: string };
};

/** What a server needs to know of the federation gateway of its domain. */
export type GatewayLink = {
  /** Where the gateway connects as an external component (XEP-0114), on 127.0.0.1. */
  readonly port: number;
  /** One secret for all hosts. */
  readonly secretFile: string;
  /** Hosts of the partners, which the gateway stands for. */
  readonly partnerHosts: readonly string[];
};

export type XmppServerOptions = {
  /** Made if it is not there; an existing one is used again, with its accounts and rooms. */
  folder: string;
  domain: string;
  tls: TlsFiles;
  /** Local parts of the addresses that may make rooms. */
  managers: readonly string[];
  /** A second host, for people who log in with passwords; none by default. */
  people?: PeopleHost | undefined;
  /** Partners of the domain; none by default. */
  gateway?: GatewayLink | undefined;
  /** Writes every stanza to `xmppLog`. */
  showStanzas?: boolean | undefined;
  /** Changes the configuration before it is written: to try what servers of other operators do. */
  adjust?: ((config: string) => string) | undefined;
  /** Added to the environment of the server, for what it cannot be told in its configuration. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Where nodes connect; 127.0.0.1 by default. */
  host?: string | undefined;
  /** Beside those on loopback, whoever may make accounts in band: a network as 10.0.0.0/24. */
  network?: string | undefined;
  /** A free one by default. */
  port?: number | undefined;
  onStart?: OnStart | undefined;
};

/** Where a server with this folder writes what it does, and with `showStanzas` each stanza, one a line. */
export function xmppLog(kind: XmppServerKind, folder: string): string {
  return join(folder, `${kind}.log`);
}

/** What the templates say of people. */
export function peopleValues({ host, component }: PeopleHost): Record<string, string | number> {
  return {
    PEOPLE_HOST: host,
    COMPONENT: component.domain,
    COMPONENT_PORT: component.port,
    COMPONENT_SECRET: readSecret(component.secretFile),
  };
}

/** What the templates say of the place. */
export function placeValues({ host = LOOPBACK, network }: XmppServerOptions) {
  const networks = ['127.0.0.0/8', ...(network === undefined ? [] : [network])];
  return { HOST: host, NETWORKS: { text: networks.map((one) => JSON.stringify(one)).join(', ') } };
}

/** Is there anybody for whom the gateway stands? A server needs no word of it before. */
export function hasPartners(link: GatewayLink | undefined): link is GatewayLink {
  return link !== undefined && link.partnerHosts.length > 0;
}

/** Lines of a configuration, one for each host of a partner; each of `line` may be several. */
export function partnerLines(
  { partnerHosts, secretFile }: GatewayLink,
  line: (host: string, secret: string) => string,
): string {
  const secret = readSecret(secretFile);
  return partnerHosts.map((host) => line(checkedHost(host), secret)).join('\n');
}

/** @throws Mom4cError M4C_LAB */
function checkedHost(host: string): string {
  if (isDomain(host)) return host;
  throw new Mom4cError('M4C_LAB', `not a host of a partner: ${JSON.stringify(host.slice(0, 80))}`);
}

/**
 * Leaves the accounts to a server that is about to start, in a file that it deletes when it has made them: neither
 * arguments nor the environment show a password. @returns the path
 */
export function leaveAccounts(
  folder: ServerFolder,
  { accounts }: PeopleHost,
  line: (name: string, password: string) => string,
): string {
  const lines = accounts.map(({ name, passwordFile }) => `${line(name, readSecret(passwordFile))}\n`);
  return folder.write('accounts', lines.join(''));
}
