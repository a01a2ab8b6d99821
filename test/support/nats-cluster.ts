/** Three NATS servers on loopback that hold the same streams, as a domain has them on three machines. */
import { join } from 'node:path';
import { freePorts, startNatsServer, stopProcess, type RunningServer } from '@mom4c/lab';
import { smallAuthority, type SmallAuthority } from './small-authority.ts';

export type NatsCluster = {
  readonly authority: SmallAuthority;
  readonly urls: readonly string[];
  readonly routePorts: readonly number[];
  /** As the server with this number says itself. */
  name(i: number): string;
  start(i: number): Promise<void>;
  kill(i: number): Promise<void>;
  close(): Promise<void>;
};

export const CLUSTER_DOMAIN = 'alpha.test';
/** Elections of this server version take four to eight seconds. */
const ELECTION_MS = 30_000;

/** @param folder for everything that they write @param managers who may use them */
export async function startNatsCluster(folder: string, managers: readonly string[]): Promise<NatsCluster> {
  const authority = await smallAuthority(folder, CLUSTER_DOMAIN);
  const { files: tls } = await authority.issue('nats', 'server');
  const [ports, routePorts] = await Promise.all([freePorts(3), freePorts(3)]);
  const servers: (RunningServer | undefined)[] = [];
  const name = (i: number): string => `nats${i}`;
  const start = async (i: number): Promise<void> => {
    servers[i] = await startNatsServer({
      ...{ folder: join(folder, name(i)), domain: CLUSTER_DOMAIN, managers, tls, port: ports[i] },
      cluster: {
        name: name(i),
        port: routePorts[i]!,
        routes: routePorts.map((port) => `localhost:${port}`),
      },
    });
  };
  const kill = async (i: number): Promise<void> => {
    await stopProcess(servers[i]!.process, { signal: 'SIGKILL' });
    servers[i] = undefined;
  };
  await Promise.all([0, 1, 2].map(start));
  const urls = ports.map((port) => `tls://127.0.0.1:${port}`);
  return {
    ...{ authority, urls, routePorts, name, start, kill },
    async close() {
      for (const i of servers.keys()) if (servers[i]) await kill(i);
    },
  };
}

/** Until the servers have elected whom they need; only M4C_NO_QUORUM, or another of these codes, may come before. */
export async function settled<Value>(
  ask: () => Promise<Value>,
  codes: readonly string[] = ['M4C_NO_QUORUM'],
): Promise<Value> {
  const deadline = Date.now() + ELECTION_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!codes.includes(String((error as { code?: unknown }).code)) || Date.now() > deadline) throw error;
    }
  }
}
