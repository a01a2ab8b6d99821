/**
 * Domains whose servers are stock ejabberd and Prosody, each with a gateway in this process: the link manager as the gateway's
 * program has it, a component of the server on one side and streams to the other gateways on the other.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog as log, systemClock as clock, systemRandom as random } from '@mom4c/core';
import { createS2sManager, policyOf } from '@mom4c/federation-gateway';
import type { Partner, S2sManager } from '@mom4c/federation-gateway';
import { freePorts, releasePorts } from '@mom4c/lab';
import type { XmppServerKind } from '@mom4c/lab';
import { createComponentHosts, createDialbackKeys } from '@mom4c/xmpp';
import { startChatClient } from './chat-client.ts';
import type { ChatClient } from './chat-client.ts';
import { createOpensslAuthority } from './openssl-authority.ts';
import type { Issued } from './openssl-authority.ts';
import { startStockServer } from './stock-server.ts';

export type StockDomain = {
  readonly name: string;
  readonly kind: XmppServerKind;
  readonly gateway: S2sManager;
  /** `ann` and `bob`. */
  readonly people: Readonly<Record<'ann' | 'bob', ChatClient>>;
};

export type StockDomains = { readonly domains: readonly StockDomain[]; stop(): Promise<void> };

type Plan = {
  readonly name: string;
  readonly kind: XmppServerKind;
  readonly s2s: number;
  readonly component: number;
  readonly issued: Issued;
};

const SECRET = 'between-server-and-gateway';
const PORTS = 4;

/** All of them are partners of each other, at the level `encrypted`. */
export async function openStockDomains(
  kinds: Readonly<Record<string, XmppServerKind>>,
): Promise<StockDomains> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-gateways-'));
  const started = new AsyncDisposableStack();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const authority = createOpensslAuthority(folder);
    const entries = Object.entries(kinds);
    const ports = await freePorts(PORTS * entries.length);
    started.defer(() => releasePorts(ports));
    const plans = entries.map(([name, kind], at): Plan => {
      const [s2s, component] = ports.slice(PORTS * at);
      const issued = authority.issue(
        name,
        [...hostsOf(name), 'localhost'].map((host) => `DNS:${host}`).join(',') + ',IP:127.0.0.1',
      );
      return { name, kind, s2s: s2s!, component: component!, issued };
    });
    const domains = await Promise.all(
      plans.map((plan, at) =>
        openDomain(plan, { folder, plans, started, unused: ports.slice(PORTS * at + 2) }),
      ),
    );
    return { domains, stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

const hostsOf = (domain: string): string[] => [domain, `conference.${domain}`];

async function openDomain(
  { name, kind, s2s, component: port, issued }: Plan,
  around: {
    folder: string;
    plans: readonly Plan[];
    started: AsyncDisposableStack;
    unused: readonly number[];
  },
): Promise<StockDomain> {
  const { folder, plans, started, unused } = around;
  const others = plans.filter((plan) => plan.name !== name);
  const hosts = others.flatMap((other) => hostsOf(other.name));
  const server = await startStockServer(kind, {
    ...{
      folder: join(folder, name),
      domain: name,
      tls: issued.files,
      security: 'certificate',
      accounts: ['ann', 'bob'],
    },
    // Its own federation is there and finds nobody: what goes to partners goes to the component.
    ...{
      dns: 1,
      s2s: { starttls: unused[0]!, direct: unused[1]! },
      components: { hosts, port, secret: SECRET },
    },
  });
  started.defer(() => server.stop());
  const component = createComponentHosts({
    ...{ host: '127.0.0.1', port, hosts, secret: SECRET, log, clock, random },
    connections: kind === 'ejabberd' ? 'one' : 'each',
  });
  const partners = others.map(partnerAt);
  const gateway = await createS2sManager({
    ...{ domain: name, hosts: hostsOf(name), component, credentials: issued, log, clock, random },
    partners: {
      all: () => partners,
      find: (domain) => partners.find((partner) => partner.domain === domain),
      ofHost: (host) => partners.find((partner) => partner.hosts.includes(host)),
      onChange: () => () => {},
    },
    ...{ listen: { host: '127.0.0.1', port: s2s }, ledgerFile: join(folder, name, 'ledger.sqlite') },
    ...{ isWanted: () => true, policyOf: (partner) => policyOf(partner, clock), agent: undefined },
    ...{ dialback: createDialbackKeys(random), refused: () => {}, onDialed: () => {} },
  });
  started.defer(() => component.stop());
  started.defer(() => gateway.stop());
  await component.start();
  const person = async (local: string): Promise<ChatClient> => {
    const { passwordFile, port: c2s } = server;
    const client = await startChatClient({
      jid: `${local}@${name}`,
      passwordFile,
      port: c2s,
      ca: issued.files.ca,
    });
    started.defer(() => client.stop());
    return client;
  };
  const [ann, bob] = await Promise.all([person('ann'), person('bob')]);
  return { name, kind, gateway, people: { ann: ann!, bob: bob! } };
}

function partnerAt({ name, s2s, issued }: Plan): Partner {
  return {
    ...{ domain: name, level: 'encrypted', hosts: hostsOf(name), address: { host: '127.0.0.1', port: s2s } },
    ...{ certificates: [], authority: readFileSync(issued.files.ca, 'utf8'), agent: undefined },
    ...{ attributes: {}, connect: 'always' },
  };
}
