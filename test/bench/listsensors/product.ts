/** The product itself: a real manager with its journal, a real executor with its agent, and one administrator's session. */
import { familyOf } from '@mom4c/lab';
import type { Component, LabDomain, ProcessIdentity } from '@mom4c/lab';
import type { LdapDirectory } from '@mom4c/pki';
import { createLogger } from '@mom4c/runtime';
import { openAdministrator } from '../../support/administrator-session.ts';
import { parseExposition } from '../../support/exposition.ts';
import { measure } from '../common/closed-loop.ts';
import type { Load, Measured } from '../common/closed-loop.ts';
import { processUsage } from '../common/process-usage.ts';

export type Product = {
  /** What `te1` answered to the first `listsensors`. */
  readonly result: unknown;
  load(point: Load): Promise<Measured>;
  usage(): Promise<Record<string, { cpu: number; lookups?: number }>>;
  stop(): Promise<void>;
};

const LOOKUPS = 'mom4c_directory_lookups_total';
const MANAGER = 'cm1';
const TARGET = 'te1';
const REQUEST = { name: 'listsensors', args: {}, targets: [TARGET], timeout: 30_000 };

export async function startProduct(domain: LabDomain): Promise<Product> {
  const log = createLogger({ name: 'bench', level: 'warn' }, process.stderr);
  const administrator = await openAdministrator(domain, 'bench', log);
  const { member, requester } = administrator;
  const ask = async (): Promise<unknown> => {
    const [outcome] = (await requester.send(REQUEST)).outcomes;
    if (outcome?.state !== 'ok') throw new Error(outcome?.error?.code ?? 'no outcome');
    return outcome.result;
  };
  return {
    result: await ask(),
    load: (point) => measure(point, async () => void (await ask())),
    async usage() {
      const executor = domain.node(TARGET).process!;
      const { user, system } = process.cpuUsage();
      return {
        client: { cpu: (user + system) / 1e6, lookups: (member.directory as LdapDirectory).lookups },
        manager: {
          cpu: processUsage(domain.node(MANAGER).process!.pid),
          lookups: await lookupsOf(domain.node(MANAGER)),
        },
        executor: { cpu: processUsage(executor.pid), lookups: await lookupsOf(domain.node(TARGET)) },
        // The node's own NATS server and its sensor agent.
        'bus and agent': { cpu: sum(familyOf(executor).filter(({ pid }) => pid !== executor.pid)) },
        'nats-server': { cpu: processUsage(domain.server('nats-server').process!.pid) },
      };
    },
    stop: () => administrator.close(),
  };
}

function sum(processes: readonly ProcessIdentity[]): number {
  return processes.reduce((seconds, { pid }) => seconds + processUsage(pid), 0);
}

/** By its own metrics: questions to the directory that somebody had to wait for. */
async function lookupsOf({ port }: Component): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const [sample] = parseExposition(await response.text()).get(LOOKUPS)!.samples;
  return sample!.value;
}
