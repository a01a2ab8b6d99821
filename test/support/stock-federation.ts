/**
 * Three domains of ours, one for each level below `sso`, and two of others: one on stock ejabberd, one on stock Prosody. All
 * are found by a name server that only they ask.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMPP_SERVERS } from '@mom4c/lab';
import type { XmppServerKind } from '@mom4c/lab';
import type { Level, Partner } from '@mom4c/federation-gateway';
import { openBareDomain } from './bare-domain.ts';
import type { BareDomain } from './bare-domain.ts';
import { startChatClient } from './chat-client.ts';
import type { ChatClient } from './chat-client.ts';
import { useNameServer } from './name-server.ts';
import { createOpensslAuthority } from './openssl-authority.ts';
import type { PemPair } from './s2s-by-hand.ts';
import { startNames, startStockServer } from './stock-server.ts';
import type { StockServer } from './stock-server.ts';

export type LowLevel = Exclude<Level, 'sso'>;
export const LEVELS = ['permissive', 'verified', 'encrypted'] as const satisfies readonly LowLevel[];
export const OURS: Readonly<Record<LowLevel, string>> = {
  permissive: 'permissive.test',
  verified: 'verified.test',
  encrypted: 'encrypted.test',
};
export const STOCK: Readonly<Record<XmppServerKind, string>> = {
  ejabberd: 'gamma.test',
  prosody: 'delta.test',
};

export type StockFederation = {
  readonly domains: Readonly<Record<LowLevel, BareDomain>>;
  readonly servers: Readonly<Record<XmppServerKind, StockServer>>;
  /** Ann, at each server. */
  readonly people: Readonly<Record<XmppServerKind, ChatClient>>;
  /** Certificate and key of a stock server. */
  pairOf(kind: XmppServerKind): PemPair;
  /** Of somebody whom nobody knows, who names all hosts. */
  readonly strangers: PemPair;
  /** Certificate of the authority of such. */
  readonly strangerPem: string;
  stop(): Promise<void>;
};

export async function openStockFederation(): Promise<StockFederation> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-stock-s2s-'));
  const started = new AsyncDisposableStack();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    return { ...(await openParts(folder, started)), stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

async function openParts(
  folder: string,
  started: AsyncDisposableStack,
): Promise<Omit<StockFederation, 'stop'>> {
  /** That the partners have agreed on. */
  const authority = createOpensslAuthority(folder);
  const stranger = createOpensslAuthority(folder, 'stranger');
  const issued = Object.fromEntries(
    Object.values(STOCK).map((domain) => [domain, authority.issue(domain, namesOf(domain))]),
  );
  const [caFile, strangerFile] = [join(folder, 'ca.pem'), join(folder, 'stranger.pem')];
  const ours = Object.values(OURS);
  const names = await startNames(join(folder, 'dns'), [...ours, ...Object.values(STOCK)], ours);
  started.defer(() => names.stop());
  started.defer(useNameServer(names.dns));

  const domains: Partial<Record<LowLevel, BareDomain>> = {};
  for (const level of LEVELS) {
    const host = OURS[level];
    // Only `encrypted` has a certificate that the stock servers believe; the others must do without.
    const issuer = level === 'encrypted' ? authority : stranger;
    const domain = await openBareDomain({
      ...{ host, port: names.ports[host]!.starttls, credentials: issuer.issue(host, namesOf(host)) },
      partners: Object.values(STOCK).map((theirs) => partnerAt(theirs, level, readFileSync(caFile, 'utf8'))),
    });
    started.defer(() => domain.stop());
    domains[level] = domain;
  }

  const servers: Partial<Record<XmppServerKind, StockServer>> = {};
  const people: Partial<Record<XmppServerKind, ChatClient>> = {};
  await Promise.all(
    XMPP_SERVERS.map(async (kind) => {
      const domain = STOCK[kind];
      const server = await startStockServer(kind, {
        ...{ folder: join(folder, domain), domain, security: 'dialback', dns: names.dns },
        ...{ s2s: names.ports[domain]!, tls: issued[domain]!.files, accounts: ['ann'] },
      });
      started.defer(() => server.stop());
      servers[kind] = server;
      const { passwordFile, port } = server;
      const person = await startChatClient({ jid: `ann@${domain}`, passwordFile, port, ca: caFile });
      started.defer(() => person.stop());
      people[kind] = person;
    }),
  );
  return {
    domains: domains as Record<LowLevel, BareDomain>,
    servers: servers as Record<XmppServerKind, StockServer>,
    people: people as Record<XmppServerKind, ChatClient>,
    pairOf: (kind) => issued[STOCK[kind]]!,
    strangers: stranger.issue('nobody', Object.values(STOCK).map(namesOf).join(',')),
    strangerPem: readFileSync(strangerFile, 'utf8'),
  };
}

function partnerAt(domain: string, level: LowLevel, authority: string): Partner {
  return {
    ...{
      domain,
      level,
      hosts: [domain, `conference.${domain}`],
      address: 'srv',
      certificates: [],
      attributes: {},
    },
    ...{ authority: level === 'encrypted' ? authority : undefined, agent: undefined, connect: 'always' },
  };
}

const namesOf = (domain: string): string =>
  `DNS:${domain},DNS:conference.${domain},DNS:localhost,IP:127.0.0.1`;
