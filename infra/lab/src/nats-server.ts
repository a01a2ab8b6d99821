import { join } from 'node:path';
import { Mom4cError, isDomain, isNodeName } from '@mom4c/core';
import { freePort, LOOPBACK } from './ports.ts';
import { answersNats } from './readiness.ts';
import { findProgram, prepareServerFolder } from './server-folder.ts';
import type { TlsFiles } from './server-folder.ts';
import { startServer } from './server.ts';
import type { OnStart, RunningServer } from './server.ts';
import { fillTemplate } from './template.ts';

export type NatsServerOptions = {
  /** Made if it is not there; an existing one is used again, with its streams. */
  folder: string;
  domain: string;
  /** Who may use it: holders of a certificate `CN=<manager>, OU=cm, O=<domain>`. */
  managers: readonly string[];
  /** Federation gateways, `CN=<gateway>, OU=gateway, O=<domain>`, which may be asked by the managers; none by default. */
  gateways?: readonly string[] | undefined;
  tls: TlsFiles;
  /** Where it listens; 127.0.0.1 by default. */
  host?: string | undefined;
  /** A free one by default. */
  port?: number | undefined;
  /** One of three servers that hold the same streams; alone by default. */
  cluster?: NatsClusterOptions | undefined;
  /** Where it runs; see `StartOptions`. */
  namespace?: string | undefined;
  onStart?: OnStart | undefined;
};

export type NatsClusterOptions = {
  /** Of this server, unlike those of the others. */
  name: string;
  /** Where it listens for the others. */
  port: number;
  /** `HOST:PORT` of all servers, at least one by a DNS name that all their certificates bear. */
  routes: readonly string[];
};

const ROUTE = /^[a-z0-9.-]{1,253}:\d{1,5}$/;
const ROUTE_BY_NAME = /^[^:]*[a-z]/;

/** A bus with JetStream. @throws Mom4cError M4C_PACKAGE_MISSING, M4C_LAB */
export async function startNatsServer(options: NatsServerOptions): Promise<RunningServer> {
  const { domain, managers, gateways = [], host = LOOPBACK } = options;
  if (!isDomain(domain))
    throw new Mom4cError('M4C_LAB', `not a domain: ${JSON.stringify(domain.slice(0, 80))}`);
  for (const name of [...managers, ...gateways])
    if (!isNodeName(name))
      throw new Mom4cError('M4C_LAB', `not a name: ${JSON.stringify(name.slice(0, 80))}`);
  checkCluster(options.cluster);
  const program = findProgram('nats-server', 'nats-server');
  const folder = prepareServerFolder(options.folder, options.tls, 'nats');
  const port = options.port ?? (await freePort());
  const values = {
    DOMAIN: domain,
    NAME: options.cluster?.name ?? domain,
    FOLDER: folder.path,
    HOST: host,
    PORT: port,
    USERS: { text: managers.map((name) => `    { user: "CN=${name},OU=cm,O=${domain}" }`).join('\n') },
    GATEWAYS: {
      text: gateways
        .map((name) => fillTemplate('nats-gateway.conf', { GATEWAY: name, DOMAIN: domain }))
        .join(''),
    },
    CLUSTER: { text: options.cluster ? clusterBlock(options.cluster, host, domain, folder.path) : '' },
  };
  const config = folder.write('nats-server.conf', fillTemplate('nats-server.conf', values));
  folder.folder('jetstream');
  return startServer(
    'nats-server',
    port,
    {
      command: program,
      args: ['-c', config],
      folder: folder.path,
      env: { PATH: '/usr/bin:/bin' },
      logFile: join(folder.path, 'output.log'),
      user: folder.user,
      namespace: options.namespace,
      onStart: options.onStart,
    },
    () => answersNats(port, host),
  );
}

/** @throws Mom4cError M4C_LAB */
function checkCluster(cluster: NatsClusterOptions | undefined): void {
  if (!cluster) return;
  const { name, routes } = cluster;
  const wrong = isNodeName(name) ? routes.find((route) => !ROUTE.test(route)) : name;
  if (wrong !== undefined)
    throw new Mom4cError('M4C_LAB', `not a name, or not a route: ${JSON.stringify(wrong.slice(0, 80))}`);
  if (!routes.some((route) => ROUTE_BY_NAME.test(route)))
    throw new Mom4cError('M4C_LAB', 'no route by name: the servers would not admit each other');
}

function clusterBlock(
  { port, routes }: NatsClusterOptions,
  host: string,
  domain: string,
  folder: string,
): string {
  return fillTemplate('nats-cluster.conf', {
    DOMAIN: domain,
    FOLDER: folder,
    HOST: host,
    PORT: port,
    ROUTES: { text: routes.map((route) => `    "nats://${route}"`).join('\n') },
  });
}
