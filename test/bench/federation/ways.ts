/** The two ways of a ping: over one server, and through two gateways to another domain. */
import { join } from 'node:path';
import { silentLog as log } from '@mom4c/core';
import type { Lab, LabDomain } from '@mom4c/lab';
import { connect, xml } from '@mom4c/xmpp';
import { pemOf, stealIdentity } from '../../support/hostile-client.ts';
import { openNodeLog } from '../../support/node-log.ts';
import { measure } from '../common/closed-loop.ts';
import type { Load, Measured } from '../common/closed-loop.ts';
import type { Usage } from '../common/figures.ts';
import { startForked } from '../common/forked.ts';
import { processUsage } from '../common/process-usage.ts';
import type { Account, FromEcho, ToEcho } from './echo-protocol.ts';

export const WAYS = ['one server', 'two gateways'] as const;

export type Way = {
  readonly name: (typeof WAYS)[number];
  load(point: Load): Promise<Measured>;
};

export type Ways = { readonly all: readonly Way[]; usage(): Usage; stop(): Promise<void> };

const TIMEOUT_MS = 30_000;
const ECHO = join(import.meta.dirname, 'echo.ts');

/** @param near domain of who pings, and `far` of who is pinged on the long way */
export async function openWays(lab: Lab, near: LabDomain, far: LabDomain): Promise<Ways> {
  const domains = [near, far];
  for (const { gateway } of domains)
    await openNodeLog(gateway.process!.logFile).next(0, 'the link', ({ msg }) => msg === 'link up');
  const accounts = await Promise.all(domains.map((domain) => accountOf(lab, domain, 'echo')));
  const session = connect({ ...(await accountOf(lab, near, 'client')), log });
  const echo = startForked<ToEcho, FromEcho>(ECHO);
  const stop = async (): Promise<void> => {
    await Promise.all([session.stop(), echo.stop()]);
  };
  try {
    const { pid } = await echo.call({ type: 'start', accounts }, 'ready');
    await session.start();
    const way = (name: Way['name'], { jid }: Account): Way => ({
      name,
      load: (point) =>
        measure(point, async () => {
          await session.request(jid, 'get', xml('ping', { xmlns: 'urn:xmpp:ping' }), {
            timeoutMs: TIMEOUT_MS,
          });
        }),
    });
    return {
      all: [way('one server', accounts[0]!), way('two gateways', accounts[1]!)],
      usage: () => usageOf(near, far, pid),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function accountOf(lab: Lab, domain: LabDomain, resource: string): Promise<Account> {
  const { host, port } = domain.describe().xmpp;
  const tls = pemOf(await stealIdentity(lab.folder, domain.name, 'nodes/cm1'));
  return { host, port, domain: domain.name, jid: `cm1@${domain.name}/${resource}`, tls };
}

function usageOf(near: LabDomain, far: LabDomain, echo: number): Usage {
  const of = ({ process }: Pick<LabDomain['gateway'], 'process'>) => ({ cpu: processUsage(process!.pid) });
  const { user, system } = process.cpuUsage();
  return {
    client: { cpu: (user + system) / 1e6 },
    'server of the client': of(near.xmppServer),
    'gateway of the client': of(near.gateway),
    "partner's gateway": of(far.gateway),
    "partner's server": of(far.xmppServer),
    echo: { cpu: processUsage(echo) },
  };
}
