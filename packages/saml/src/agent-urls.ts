/** Where an authentication agent has what, below one base URL. Gateway and metadata must agree on it. */
import { Mom4cError } from '@mom4c/core';

export type AgentUrls = {
  /** Prefix of the URLs of challenges: a handle follows. */
  readonly agentUrl: string;
  readonly consumerUrls: { readonly post: string; readonly paos: string };
  readonly discoveryUrl: string;
  /** Where its own descriptor is, and its name in the federation (SAML metadata §4.1). */
  readonly entityId: string;
};

/** @param base as `https://gateway.beta.test:8443/saml`. @throws Mom4cError M4C_CONFIG */
export function agentUrls(base: string): AgentUrls {
  const url = URL.parse(base);
  if (url?.protocol !== 'https:' || url.username || url.password || url.search || url.hash)
    throw new Mom4cError('M4C_CONFIG', `${base}: must be an https URL without user, query and fragment`);
  const root = url.href.replace(/\/+$/, '');
  return {
    agentUrl: `${root}/log-in/`,
    consumerUrls: { post: `${root}/assertion`, paos: `${root}/assertion/paos` },
    discoveryUrl: `${root}/discovery`,
    entityId: `${root}/metadata`,
  };
}
