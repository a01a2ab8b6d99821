/** The federation's metadata and the authentication agent, from the settings. */
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { Clock, Log, Random } from '@mom4c/core';
import { readSecret } from '@mom4c/runtime';
import { agentUrls } from '@mom4c/saml';
import { createAuthenticationAgent } from './agent/authentication-agent.ts';
import type { AuthenticationAgent } from './agent/authentication-agent.ts';
import { followFederation } from './agent/federation-metadata.ts';
import type { FederationSource, MetadataSource } from './agent/federation-metadata.ts';
import { createHttpsClient } from './agent/https-client.ts';
import type { Trust } from './agent/https-client.ts';
import type { IdpCredentials } from './agent/log-in-settings.ts';
import { readCredentials } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import type { Partners } from './partner.ts';
import { readDers, readPem } from './pem-files.ts';
import { ownHosts } from './settings-rules.ts';
import type { FederationGatewaySettings } from './settings.ts';

type Around = { readonly log: Log; readonly clock: Clock; readonly random: Random };
type FederationSettings = NonNullable<FederationGatewaySettings['federation']>;
type LoginSettings = NonNullable<FederationGatewaySettings['login']>;

/** @throws Mom4cError M4C_CONFIG */
export async function startFederation(
  federation: FederationSettings,
  state: string,
  around: Around,
): Promise<FederationSource> {
  return followFederation({
    source: sourceOf(federation),
    signers: federation.signerFiles.map(readPem),
    folder: join(state, 'federation'),
    refreshMs: federation.refreshSeconds * 1000,
    https: createHttpsClient(around.clock),
    ...around,
  });
}

/** @returns undefined where there is nothing to log in with: no partner is at the level sso then
 *  @throws Mom4cError M4C_CONFIG */
export async function startAgent(
  settings: FederationGatewaySettings,
  parts: {
    readonly federation: FederationSource | undefined;
    readonly partners: Partners;
    readonly credentials: Credentials;
    readonly onRefused: (error: Mom4cError, from: string) => void;
  },
  around: Around,
): Promise<AuthenticationAgent | undefined> {
  const { agent, federation, login, s2s, domain, state } = settings;
  if (!agent || !federation || !login || !parts.federation) return undefined;
  const logInWith = credentialsReader(login);
  // What is wrong with the files shows now, and not at the first log-in.
  logInWith();
  return createAuthenticationAgent({
    domain,
    hosts: ownHosts(settings),
    s2s: s2s.address,
    urls: agentUrls(agent.url),
    listen: { host: agent.host, port: agent.port },
    credentials: parts.credentials,
    nextCertificates: s2s.nextCertFile === undefined ? [] : readDers([s2s.nextCertFile]),
    federation: parts.federation,
    partners: parts.partners,
    idp: federation.idp,
    method: login.method,
    logInWith,
    idpTrust: trustOf(login.caFile),
    discovery: federation.discovery,
    folder: join(state, 'federation'),
    onRefused: parts.onRefused,
    ...around,
  });
}

/** The settings have checked that it is one of the two. */
function sourceOf({ metadataFile, metadataUrl, caFile }: FederationSettings): MetadataSource {
  if (metadataFile !== undefined) return { kind: 'file', path: metadataFile };
  return { kind: 'url', url: new URL(metadataUrl!), trust: trustOf(caFile) };
}

function trustOf(caFile: string | undefined): Trust {
  return { kind: 'authorities', ca: caFile === undefined ? undefined : readPem(caFile) };
}

/** Files are read at each log-in: a new password needs no restart. */
function credentialsReader({
  method,
  user,
  passwordFile,
  certFile,
  keyFile,
}: LoginSettings): () => IdpCredentials {
  if (method === 'certificate')
    return () => {
      const { cert, key } = readCredentials({ certFile: certFile!, keyFile: keyFile! });
      return { method, cert, key };
    };
  return () => ({ method, user: user!, password: readSecret(passwordFile!) });
}
