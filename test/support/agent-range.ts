/**
 * A federation without XMPP: a real identity provider, the operator's signed metadata, and authentication agents that
 * speak to each other over HTTPS as those of gateways do. What begins a log-in is here what the stream would be.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { systemClock as clock, systemRandom as random } from '@mom4c/core';
import { type Federation, type FederationSettings, freePort, openFederation } from '@mom4c/lab';
import { agentUrls, type GatewayDescriptor, writeGatewayDescriptor } from '@mom4c/saml';
import { createOpensslAuthority, type Issued } from './openssl-authority.ts';
import { type AgentOptions, type AgentPlan, type RangeAgent, startAgent } from './range-agent.ts';

/** Operator and identity provider: what of the lab's is needed here, so that it may be another. */
export type FederationUnderTest = Pick<
  Federation,
  'name' | 'files' | 'account' | 'create' | 'write' | 'logins'
> & {
  readonly idp: Pick<Federation['idp'], 'entityId' | 'sso'>;
  startIdp(): Promise<{ stop(): Promise<void> }>;
};

export type AgentRange<Operator extends FederationUnderTest = Federation> = {
  readonly folder: string;
  readonly operator: Operator;
  readonly idp: () => { stop(): Promise<void> };
  startIdp(): Promise<void>;
  descriptorOf(domain: string): GatewayDescriptor;
  issuedTo(domain: string): Issued;
  /** At the identity provider. */
  passwordOf(domain: string): string;
  /** What another process needs to start it. */
  planOf(domain: string): AgentPlan;
  start(domain: string, options?: AgentOptions): Promise<RangeAgent>;
  stop(): Promise<void>;
};

/** With SimpleSAMLphp; see `createAgentRangeAt`. */
export function createAgentRange(domains: readonly string[]): Promise<AgentRange> {
  return createAgentRangeAt(openFederation, domains);
}

/** Each domain has its certificate and a place for its agent; `start` brings one up. */
export async function createAgentRangeAt<Operator extends FederationUnderTest>(
  open: (settings: FederationSettings) => Operator,
  domains: readonly string[],
): Promise<AgentRange<Operator>> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-agents-'));
  const stops: (() => Promise<void>)[] = [];
  const operator = open({
    folder: join(folder, 'federation'),
    domains,
    idpPort: await freePort(),
    random,
    clock,
  });
  await operator.create();
  const authority = createOpensslAuthority(folder);
  const issued = new Map<string, Issued>();
  const descriptors = new Map<string, GatewayDescriptor>();
  for (const domain of domains) {
    const certificate = authority.issue(domain, `DNS:${domain},DNS:localhost,IP:127.0.0.1`);
    issued.set(domain, certificate);
    descriptors.set(domain, {
      domain,
      hosts: [domain, `conference.${domain}`],
      certificates: [new X509Certificate(certificate.cert).raw],
      s2s: { host: '127.0.0.1', port: await freePort() },
      ...agentUrls(`https://127.0.0.1:${await freePort()}/`),
    });
  }
  let idp = await operator.startIdp();
  await operator.write([...descriptors.values()].map(writeGatewayDescriptor));

  const passwordOf = (domain: string): string =>
    readFileSync(operator.account(domain).passwordFile, 'utf8').trimEnd();

  const planOf = (domain: string): AgentPlan => ({
    folder,
    descriptor: descriptors.get(domain)!,
    issued: issued.get(domain)!,
    files: operator.files,
    idp: operator.idp.entityId,
    passwordFile: operator.account(domain).passwordFile,
  });

  return {
    folder,
    operator,
    idp: () => idp,
    async startIdp() {
      idp = await operator.startIdp();
    },
    descriptorOf: (domain) => descriptors.get(domain)!,
    issuedTo: (domain) => issued.get(domain)!,
    passwordOf,
    planOf,
    async start(domain, options) {
      const agent = await startAgent(planOf(domain), options);
      stops.push(() => agent.stop());
      return agent;
    },
    async stop() {
      for (const stop of stops) await stop();
      await idp.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let streams = 0;

/** What the stream from `user` to `party` does: asks for a challenge, hands it over, waits for the verdict. */
export async function logIn(
  user: RangeAgent,
  party: RangeAgent,
  { idp = user.agent.user.idp } = {},
): Promise<void> {
  const stream = `s${(streams += 1)}`;
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(30_000)]);
  const pair = { local: party.domain, remote: user.domain };
  try {
    const ask = { stream, pair, authzid: user.domain, idp, signal };
    const { url, verdict } = await party.agent.verdicts.begin(ask);
    const own = { local: user.domain, remote: party.domain };
    await user.agent.user.logIn({ url, pair: own, stream, signal });
    await verdict;
  } finally {
    ending.abort();
  }
}
