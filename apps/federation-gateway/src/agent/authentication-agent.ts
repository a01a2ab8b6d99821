/**
 * The authentication agent of a domain: relying party for partners that log in here, user where this domain logs in.
 * It tells its verdicts to the streams that asked for them, and to nobody else.
 */
import { X509Certificate } from 'node:crypto';
import type { Clock, Log, Mom4cError, Random } from '@mom4c/core';
import { type AgentUrls, writeGatewayDescriptor } from '@mom4c/saml';
import type { SamlUser, SamlVerdicts } from '@mom4c/xmpp';
import type { Partners } from '../partner.ts';
import { type ServerCredentials, serveEndpoints } from './endpoints.ts';
import type { FederationSource, FederationStatus } from './federation-metadata.ts';
import { createHttpsClient, type Trust } from './https-client.ts';
import { createIdpSession, type IdpStatus } from './idp-session.ts';
import type { IdpCredentials } from './log-in-settings.ts';
import { createRelyingParty } from './relying-party.ts';
import { openUsedAssertions } from './used-assertions.ts';
import { createSamlUser } from './user.ts';

export type AgentSettings = {
  readonly domain: string;
  /** Of this domain, for our own descriptor. */
  readonly hosts: readonly string[];
  readonly s2s: { readonly host: string; readonly port: number } | undefined;
  readonly urls: AgentUrls;
  readonly listen: { readonly host: string; readonly port: number };
  /** The gateway's certificate, the same as for S2S: partners pin it. */
  readonly credentials: ServerCredentials;
  /** Beside it, for the time of a change: DER. */
  readonly nextCertificates?: readonly Uint8Array[];
  readonly federation: FederationSource;
  readonly partners: Pick<Partners, 'find'>;
  /** Entity id of the identity provider at which this domain has its account; undefined: the only one of the metadata. */
  readonly idp: string | undefined;
  readonly method: IdpCredentials['method'];
  /** Read for each log-in, so that a new password needs no restart. @throws Mom4cError M4C_CONFIG */
  readonly logInWith: () => IdpCredentials;
  /** Of the web servers of identity provider and discovery service. */
  readonly idpTrust: Trust;
  /** Discovery service that partners are sent by. */
  readonly discovery: string | undefined;
  /** Folder for what must outlive a restart. */
  readonly folder: string;
  readonly onRefused: (error: Mom4cError, from: string) => void;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
};

export type AgentStatus = {
  readonly logIn: IdpStatus;
  readonly federation: FederationStatus;
  /** Log-ins of partners that wait for their assertion. */
  readonly open: number;
};

export type AuthenticationAgent = {
  readonly verdicts: SamlVerdicts;
  readonly user: SamlUser;
  readonly port: number;
  status(): AgentStatus;
  /** Of this gateway, for the metadata of the federation. */
  descriptor(): string;
  /** From the next connection on. */
  useCredentials(credentials: ServerCredentials): void;
  stop(): Promise<void>;
};

/** @throws Mom4cError M4C_CONFIG */
export async function createAuthenticationAgent(settings: AgentSettings): Promise<AuthenticationAgent> {
  const { urls, listen, federation, partners, discovery, log, clock, random } = settings;
  let { credentials } = settings;
  const used = openUsedAssertions(settings.folder, clock);
  const relyingParty = createRelyingParty({
    urls,
    federation,
    partners,
    used,
    discovery,
    log,
    clock,
    random,
  });
  const session = createIdpSession(settings.logInWith, clock);
  const user = createSamlUser({
    idp: settings.idp,
    method: settings.method,
    session,
    trust: settings.idpTrust,
    federation,
    partners,
    discovery,
    https: createHttpsClient(clock),
    log,
    clock,
  });
  const descriptor = (): string =>
    writeGatewayDescriptor({
      domain: settings.domain,
      hosts: settings.hosts,
      s2s: settings.s2s,
      certificates: [derOf(credentials.cert), ...(settings.nextCertificates ?? [])],
      ...urls,
    });
  const endpoints = await serveEndpoints({
    ...listen,
    credentials,
    urls,
    relyingParty,
    metadata: descriptor,
    onRefused: settings.onRefused,
    log,
    clock,
    random,
  }).catch((error: unknown) => {
    used.close();
    throw error;
  });
  return {
    verdicts: relyingParty,
    user,
    port: endpoints.port,
    descriptor,
    status: () => ({
      logIn: session.status(user.idp),
      federation: federation.status(),
      open: relyingParty.open,
    }),
    useCredentials(fresh) {
      credentials = fresh;
      endpoints.useCredentials(fresh);
    },
    async stop() {
      relyingParty.stop();
      await endpoints.stop();
      used.close();
    },
  };
}

/** The first certificate of the file, which is the gateway's own. */
function derOf(pem: string): Uint8Array {
  return new X509Certificate(pem).raw;
}
