/** The ways that are compared, and the processes on each of them. */
import type { DomainDescription, LabDomain } from '@mom4c/lab';
import { enrolToken } from '../../support/cli.ts';
import { makeNode } from '../../support/hand-made-node.ts';
import type { RunFolder } from '../../support/run-folder.ts';
import type { Load, Measured } from '../common/closed-loop.ts';
import type { Usage } from '../common/figures.ts';
import { processUsage } from '../common/process-usage.ts';
import { startHop } from './hop-process.ts';
import type { HopProcess } from './hop-process.ts';
import type { HopLoad, KeyKind } from './hop-protocol.ts';
import { startProduct } from './product.ts';

export type Path = {
  readonly name: string;
  readonly load: (point: Load) => Promise<Measured>;
  /** By process, what it has used so far. */
  readonly usage: () => Promise<Usage>;
};

export type Paths = { readonly all: readonly Path[]; readonly resultOctets: number; stop(): Promise<void> };

const KEYS: readonly KeyKind[] = ['P-256', 'RSA-2048'];

/** The product first: what it answers is what the other paths carry. */
export async function openPaths(folder: RunFolder, domain: LabDomain): Promise<Paths> {
  const serverUsage = () => ({ server: { cpu: processUsage(domain.xmppServer.process!.pid) } });
  const product = await startProduct(domain);
  const { result } = product;
  const stops: (() => Promise<void> | void)[] = [() => product.stop()];

  const startTrio = async (key: KeyKind) => {
    const description = domain.describe();
    const hop = async (role: 'client' | 'manager' | 'executor', next?: string) => {
      const config = await makeMember(folder.lab.folder, folder.path, description, role, key);
      const started = await startHop({ role, key, config, next, result });
      stops.push(() => started.stop());
      return started;
    };
    const executor = await hop('executor');
    const manager = await hop('manager', executor.jid);
    return { client: await hop('client', manager.jid), manager, executor };
  };

  const [fast, slow] = [await startTrio(KEYS[0]!), await startTrio(KEYS[1]!)];
  const usageOf = async (hops: Record<string, HopProcess>) => {
    const own = Object.entries(hops).map(async ([name, hop]) => [name, await hop.usage()] as const);
    return { ...Object.fromEntries(await Promise.all(own)), ...serverUsage() };
  };
  const hops = (name: string, path: HopLoad['path'], trio: typeof fast): Path => ({
    name,
    load: (point) => trio.client.load({ path, ...point }),
    usage: () => usageOf(path === 'echo' ? { client: trio.client, echo: trio.manager } : trio),
  });
  return {
    all: [
      hops('floor', 'echo', fast),
      hops('plain', 'plain', fast),
      hops('signed P-256', 'signed', fast),
      hops('signed RSA-2048', 'signed', slow),
      hops('sealed P-256', 'sealed', fast),
      hops('sealed RSA-2048', 'sealed', slow),
      {
        name: 'product',
        load: (point) => product.load(point),
        usage: async () => ({ ...(await product.usage()), ...serverUsage() }),
      },
    ],
    resultOctets: JSON.stringify(result).length,
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}

const ROLES = { client: 'admin', manager: 'cm', executor: 'te' } as const;
/** Those that send most have names of managers that the lab does not start: what others send the server limits. */
const UNLIMITED = { client: 'cm3', manager: 'cm4', executor: 'cm5' } as const;

/** @returns the path of its configuration */
async function makeMember(
  state: string,
  folder: string,
  domain: DomainDescription,
  role: keyof typeof ROLES,
  key: KeyKind,
): Promise<string> {
  const name = key === 'P-256' ? UNLIMITED[role] : `bench-${role}-rsa`;
  const token = await enrolToken(state, name, ROLES[role]);
  return makeNode(folder, name, domain, token).config;
}
