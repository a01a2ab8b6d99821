/**
 * A federation without XMPP: a real identity provider, the operator's signed metadata, and authentication agents that
 * speak to each other over HTTPS as those of gateways do. What begins a log-in is here what the stream would be.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { type Log, Mom4cError, systemClock as clock, systemRandom as random } from '@mom4c/core';
import {
  type AgentSettings,
  agentUrls,
  type AuthenticationAgent,
  createAuthenticationAgent,
  createHttpsClient,
  followFederation,
  type FederationSource,
  type IdpCredentials,
  type Partner,
  policyOf,
} from '@mom4c/federation-gateway';
import { type Federation, type FederationSettings, freePort, openFederation } from '@mom4c/lab';
import { type GatewayDescriptor, writeGatewayDescriptor } from '@mom4c/saml';
import type { S2sPolicy } from '@mom4c/xmpp';
import { createOpensslAuthority, type Issued } from './openssl-authority.ts';

export type LogLine = {
  readonly level: string;
  readonly message: string;
  /** Among the lines of all agents. */
  readonly order: number;
  readonly [field: string]: unknown;
};

let told = 0;

export type RangeAgent = {
  readonly domain: string;
  readonly agent: AuthenticationAgent;
  readonly descriptor: GatewayDescriptor;
  readonly issued: Issued;
  readonly federation: FederationSource;
  /** What the gateway asks of streams with this partner. */
  readonly policyFor: (remote: string) => S2sPolicy | undefined;
  readonly log: Log;
  /** Of agent, and of streams that get `log`. */
  readonly lines: readonly LogLine[];
  readonly refused: readonly Mom4cError[];
  stop(): Promise<void>;
};

export type AgentOptions = {
  readonly method?: IdpCredentials['method'];
  readonly password?: () => string;
  /** With which it logs in at the identity provider; its own by default. */
  readonly certificate?: Pick<Issued, 'cert' | 'key'>;
  readonly discovery?: string;
  /** What assertions of partners must say. */
  readonly attributes?: Partner['attributes'];
  /** As it takes the partner to be; default: as the metadata say. */
  readonly partner?: (found: Partner) => Partner;
};

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

  async function start(domain: string, options: AgentOptions = {}): Promise<RangeAgent> {
    const descriptor = descriptors.get(domain)!;
    const lines: LogLine[] = [];
    const refused: Mom4cError[] = [];
    const at = (level: string) => (fields: object, message: string) =>
      void lines.push({ level, message, order: (told += 1), ...fields });
    const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    const own = mkdtempSync(join(folder, `${domain}-`));
    const federation = await followFederation({
      source: { kind: 'file', path: operator.files.metadata },
      signers: [readFileSync(operator.files.signer, 'utf8')],
      folder: own,
      refreshMs: 3_600_000,
      https: createHttpsClient(clock),
      log,
      clock,
      random,
    });
    const partnerOf = (remote: string): Partner | undefined => {
      const agent = federation.get().gateways.find((gateway) => gateway.domain === remote);
      if (!agent || remote === domain) return undefined;
      const found: Partner = {
        domain: remote,
        level: 'sso',
        hosts: agent.hosts,
        address: agent.s2s ?? 'srv',
        certificates: agent.certificates,
        authority: undefined,
        agent,
        attributes: options.attributes ?? {},
        connect: 'always',
      };
      return options.partner?.(found) ?? found;
    };
    const password = options.password ?? (() => passwordOf(domain));
    const { cert, key } = issued.get(domain)!;
    const method = options.method ?? 'ecp';
    const shown = options.certificate ?? { cert, key };
    const settings: AgentSettings = {
      domain,
      hosts: descriptor.hosts,
      s2s: descriptor.s2s!,
      urls: agentUrls(new URL('/', descriptor.agentUrl).href),
      listen: { host: '127.0.0.1', port: Number(new URL(descriptor.agentUrl).port) },
      credentials: { cert, key },
      federation,
      partners: { find: partnerOf },
      idp: operator.idp.entityId,
      method,
      logInWith: () =>
        method === 'certificate'
          ? { method, cert: shown.cert, key: shown.key }
          : { method, user: domain, password: password() },
      idpTrust: { kind: 'authorities', ca: readFileSync(operator.files.ca, 'utf8') },
      discovery: options.discovery,
      folder: own,
      onRefused: (error) => void refused.push(error),
      log,
      clock,
      random,
    };
    const agent = await createAuthenticationAgent(settings);
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> =>
      (stopped ??= Promise.all([agent.stop(), federation.stop()]).then(() => {}));
    stops.push(stop);
    return {
      domain,
      agent,
      descriptor,
      issued: issued.get(domain)!,
      federation,
      policyFor(remote) {
        const partner = partnerOf(remote);
        return partner && policyOf(partner, clock);
      },
      log,
      lines,
      refused,
      stop,
    };
  }

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
    start,
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
