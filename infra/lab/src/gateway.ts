/** The federation gateway of a domain in a lab: its settings, its descriptor, and partners that come and go. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { Level } from './level.ts';
import { fromPem } from '@mom4c/pki';
import { agentUrls, writeGatewayDescriptor } from '@mom4c/saml';
import { serverFolder } from './authority.ts';
import type { Component } from './component.ts';
import type { Federation } from './federation.ts';
import { federatedHosts } from './lab-plan.ts';
import type { DomainState, GatewayState } from './lab-state.ts';
import type { PartnerState } from './partner-plan.ts';
import type { TlsFiles } from './server-folder.ts';
import type { GatewayLink } from './xmpp-server.ts';
import type { Settings } from './yaml.ts';

/** `port` is that of its health endpoint. */
export type LabGateway = Component & {
  /** Where partners' gateways connect, on 127.0.0.1. */
  readonly s2sPort: number;
  /** Base of its authentication agent. */
  readonly agentUrl: string;
  /** Path of its configuration. */
  readonly config: string;
  /** One more partner: the running XMPP server learns of its hosts, and the gateway starts anew, if it runs. */
  addPartner(partner: PartnerState): Promise<void>;
  /** The other way round. @throws Mom4cError M4C_LAB if it is none */
  removePartner(domain: string): Promise<void>;
  /** Other settings in place of the present ones, by their first name; it starts anew with them, if it runs. */
  change(settings: (present: Settings) => Settings): Promise<void>;
};

/** What the description of a domain says of its gateway. */
export type GatewayDescription = {
  name: string;
  s2s: { host: string; port: number };
  agent: { url: string };
  health: { url: string };
  /** Path. */
  config: string;
  pid: number | undefined;
  partners: { domain: string; level: Level; hosts: string[] }[];
};

type Own = {
  /** Of the domain. */
  readonly folder: string;
  readonly state: DomainState;
  readonly federation: Federation | undefined;
};

const LOOPBACK = '127.0.0.1';
/** Of the certificate that partners see, at the authority. */
export const GATEWAY_CERTIFICATE = 'federation';

/** @throws Mom4cError M4C_LAB */
export function gatewayOf({ name, gateway }: DomainState): GatewayState {
  if (!gateway) throw new Mom4cError('M4C_LAB', `${name} has no gateway: start the lab with --idp`);
  return gateway;
}

export function ownHosts({ name, people }: DomainState): string[] {
  return federatedHosts(name, people !== undefined);
}

export function linkSecret(folder: string): string {
  return join(folder, 'gateway-secret');
}

/** What the XMPP server is told. */
export function gatewayLink(folder: string, { gateway }: DomainState): GatewayLink | undefined {
  return (
    gateway && {
      port: gateway.componentPort,
      secretFile: linkSecret(folder),
      partnerHosts: gateway.partners.flatMap(({ hosts }) => hosts),
    }
  );
}

/** Beside those that every member has. */
export function gatewaySettings({ folder, state, federation }: Own): Settings {
  const gateway = gatewayOf(state);
  const { cert, key } = tlsFiles(folder);
  return {
    component: {
      host: LOOPBACK,
      port: gateway.componentPort,
      secretFile: linkSecret(folder),
      connections: state.xmpp === 'ejabberd' ? 'one' : 'each',
    },
    hosts: ownHosts(state),
    s2s: { ...s2sAddress(gateway), address: s2sAddress(gateway), certFile: cert, keyFile: key },
    ...(federation && singleSignOn(state.name, gateway, federation)),
    partners: gateway.partners.map(({ domain, level, settings }) => ({ domain, level, ...settings })),
    ...gateway.changes,
  };
}

/** Where the gateway listens for partners, and where they are told to connect. */
function s2sAddress({ s2sPort: port }: GatewayState): { host: string; port: number } {
  return { host: LOOPBACK, port };
}

function singleSignOn(domain: string, gateway: GatewayState, federation: Federation): Settings {
  const { files } = federation;
  const { passwordFile } = federation.account(domain);
  return {
    agent: { host: LOOPBACK, port: gateway.agentPort, url: agentUrl(gateway) },
    federation: { metadataFile: files.metadata, signerFiles: [files.signer] },
    login: { method: 'ecp', user: domain, passwordFile, caFile: files.ca },
  };
}

/** What the operator of the federation gets to sign: an EntityDescriptor. */
export function gatewayDescriptor({ folder, state }: Omit<Own, 'federation'>): string {
  const gateway = gatewayOf(state);
  return writeGatewayDescriptor({
    domain: state.name,
    hosts: ownHosts(state),
    certificates: [fromPem('CERTIFICATE', readFileSync(tlsFiles(folder).cert, 'utf8'))],
    s2s: s2sAddress(gateway),
    ...agentUrls(agentUrl(gateway)),
  });
}

export function describeGateway(
  { config, s2sPort, agentUrl: url, name, port, process }: LabGateway,
  { partners }: GatewayState,
): GatewayDescription {
  return {
    name,
    s2s: { host: LOOPBACK, port: s2sPort },
    agent: { url },
    health: { url: `http://${LOOPBACK}:${port}/` },
    config,
    pid: process?.pid,
    partners: partners.map(({ domain, level, hosts }) => ({ domain, level, hosts })),
  };
}

/** @param apply writes and reloads everything that depends on the state */
export function labGateway(
  part: Component,
  config: string,
  own: Own,
  apply: () => Promise<void>,
): LabGateway {
  const state = gatewayOf(own.state);
  const restart = async (): Promise<void> => {
    const { running } = part;
    await part.stop();
    await apply();
    if (running) await part.start();
  };
  // Not copied, since some of its properties are read anew each time.
  return Object.assign(Object.create(part) as Component, {
    s2sPort: state.s2sPort,
    agentUrl: agentUrl(state),
    config,
    async addPartner(partner: PartnerState) {
      if (state.partners.some(({ domain }) => domain === partner.domain))
        throw new Mom4cError('M4C_LAB', `${partner.domain} is a partner already`);
      state.partners.push(partner);
      await restart();
    },
    async removePartner(domain: string) {
      const index = state.partners.findIndex((one) => one.domain === domain);
      if (index < 0) throw new Mom4cError('M4C_LAB', `${domain} is no partner`);
      state.partners.splice(index, 1);
      await restart();
    },
    async change(settings: (present: Settings) => Settings) {
      state.changes = { ...state.changes, ...settings(gatewaySettings(own)) };
      await restart();
    },
  });
}

function agentUrl({ agentPort }: GatewayState): string {
  return `https://${LOOPBACK}:${agentPort}/`;
}

function tlsFiles(folder: string): TlsFiles {
  const own = serverFolder(join(folder, 'certificate-authority'), GATEWAY_CERTIFICATE);
  return { cert: join(own, 'cert.pem'), key: join(own, 'key.pem'), ca: join(own, 'ca.pem') };
}
