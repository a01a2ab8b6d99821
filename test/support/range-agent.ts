/**
 * An authentication agent of a federation, from what is in files: the range that has made them starts it, or another
 * process that was told of them.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Log, type Mom4cError, systemClock as clock, systemRandom as random } from '@mom4c/core';
import {
  type AgentSettings,
  type AuthenticationAgent,
  createAuthenticationAgent,
  createHttpsClient,
  followFederation,
  type FederationSource,
  type IdpCredentials,
  type Level,
  type Partner,
  policyOf,
} from '@mom4c/federation-gateway';
import type { Federation } from '@mom4c/lab';
import { agentUrls, type GatewayDescriptor } from '@mom4c/saml';
import type { S2sPolicy } from '@mom4c/xmpp';
import type { Issued } from './openssl-authority.ts';

export type LogLine = {
  readonly level: string;
  readonly message: string;
  /** Among the lines of all agents. */
  readonly order: number;
  /** As `monotonicMs` has it. */
  readonly time: number;
  readonly [field: string]: unknown;
};

let told = 0;

export type RangeAgent = {
  readonly domain: string;
  readonly agent: AuthenticationAgent;
  readonly descriptor: GatewayDescriptor;
  readonly issued: Issued;
  readonly federation: FederationSource;
  /** What the gateway asks of streams with this partner, at its level or at another. */
  readonly policyFor: (remote: string, level?: Level) => S2sPolicy | undefined;
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

/** Plain data. */
export type AgentPlan = {
  /** In which it makes its own. */
  readonly folder: string;
  readonly descriptor: GatewayDescriptor;
  readonly issued: Issued;
  readonly files: Federation['files'];
  /** Entity id. */
  readonly idp: string;
  /** Holds the one at the identity provider. */
  readonly passwordFile: string;
};

/** Milliseconds of a clock that all processes of the machine have. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Listens where its descriptor says. */
export async function startAgent(plan: AgentPlan, options: AgentOptions = {}): Promise<RangeAgent> {
  const { descriptor, issued, files } = plan;
  const { domain } = descriptor;
  const lines: LogLine[] = [];
  const refused: Mom4cError[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, order: (told += 1), time: monotonicMs(), ...fields });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const own = mkdtempSync(join(plan.folder, `${domain}-`));
  const federation = await followFederation({
    source: { kind: 'file', path: files.metadata },
    signers: [readFileSync(files.signer, 'utf8')],
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
  const password = options.password ?? (() => readFileSync(plan.passwordFile, 'utf8').trimEnd());
  const { cert, key } = issued;
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
    idp: plan.idp,
    method,
    logInWith: () =>
      method === 'certificate'
        ? { method, cert: shown.cert, key: shown.key }
        : { method, user: domain, password: password() },
    idpTrust: { kind: 'authorities', ca: readFileSync(files.ca, 'utf8') },
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
  return {
    domain,
    agent,
    descriptor,
    issued,
    federation,
    policyFor(remote, level) {
      const partner = partnerOf(remote);
      return partner && policyOf({ ...partner, level: level ?? partner.level }, clock);
    },
    log,
    lines,
    refused,
    stop,
  };
}
