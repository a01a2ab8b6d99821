/** The node's own nats-server: on loopback, without storage, alive as long as its supervisor. */
import type { ChildProcess } from 'node:child_process';
import { watch } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Mom4cError, type Log } from '@mom4c/core';
import { readOutput } from './child-output.ts';
import { nodeServerConfig, type BusUser } from './node-server-config.ts';
import { findProgram, superviseProcess } from './process.ts';

export type NodeBus = {
  readonly url: string;
  readonly pid: number | undefined;
  stop(): Promise<void>;
};

export type NodeBusOptions = {
  /** The server's own name, as it shows itself to its clients. */
  readonly name: string;
  /** A name in PATH or an absolute path. */
  readonly binary?: string;
  /** Made if missing; its sub-folder `nats` belongs to the server and is removed at stop. */
  readonly folder: string;
  /** PEM texts. */
  readonly credentials: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly users: readonly BusUser[];
  readonly log: Log;
};

/** Resolves once the server accepts connections; it is started again, on the same port, whenever it dies.
 *  @throws Mom4cError M4C_PACKAGE_MISSING, M4C_BUS_UNREACHABLE */
export async function startNodeBus(options: NodeBusOptions): Promise<NodeBus> {
  const folder = join(options.folder, 'nats');
  const binary = findProgram(options.binary ?? 'nats-server', 'nats-server');
  let port = -1;
  const configPath = join(folder, 'nats.conf');
  try {
    const server = await superviseProcess({
      name: 'nats-server',
      program: binary,
      args: ['--config', configPath],
      log: options.log,
      prepare: () => writeFiles(folder, configPath, port, options),
      async started(child, signal) {
        child.stdin!.end();
        forwardLog(child, options.log);
        port = await portOf(child.pid!, folder, signal);
        // The server has read its key and needs no copy on the disk.
        await rm(join(folder, 'server.key'), { force: true });
      },
    });
    return {
      url: `tls://127.0.0.1:${port}`,
      get pid() {
        return server.pid;
      },
      async stop() {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (error instanceof Mom4cError) throw error;
    throw new Mom4cError('M4C_BUS_UNREACHABLE', 'the nats-server of the node does not start', {
      cause: error,
    });
  }
}

async function writeFiles(
  folder: string,
  configPath: string,
  port: number,
  options: NodeBusOptions,
): Promise<void> {
  const { name, credentials, users } = options;
  const files = {
    ca: join(folder, 'ca.crt'),
    cert: join(folder, 'server.crt'),
    key: join(folder, 'server.key'),
  };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const write = (path: string, text: string): Promise<void> =>
    writeFile(path, text, { mode: 0o600, flag: 'wx' });
  await write(files.ca, credentials.ca);
  await write(files.cert, credentials.cert);
  await write(files.key, credentials.key);
  await write(configPath, nodeServerConfig({ name, folder, port, files, users }));
}

/** The server writes `<program>_<pid>.ports` once it listens. */
async function portOf(pid: number, folder: string, signal: AbortSignal): Promise<number> {
  let changed = Promise.withResolvers<void>();
  const watcher = watch(folder, () => changed.resolve());
  watcher.on('error', () => changed.resolve());
  signal.addEventListener('abort', () => changed.resolve());
  try {
    for (;;) {
      signal.throwIfAborted();
      const port = await readPort(pid, folder);
      if (port !== undefined) return port;
      await changed.promise;
      changed = Promise.withResolvers();
    }
  } finally {
    watcher.close();
  }
}

async function readPort(pid: number, folder: string): Promise<number | undefined> {
  const name = (await readdir(folder)).find((entry) => entry.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  try {
    const ports = JSON.parse(await readFile(join(folder, name), 'utf8')) as { nats?: string[] };
    const port = Number(new URL(ports.nats?.[0] ?? '').port);
    return port > 0 ? port : undefined;
  } catch {
    // Half written.
    return undefined;
  }
}

function forwardLog(child: ChildProcess, log: Log): void {
  readOutput(child, {
    name: 'nats-server',
    log,
    write(line) {
      const text = line.slice(0, 500);
      if (/\[(INF|DBG|TRC)\]/.test(text)) log.debug({ text }, 'nats-server');
      else log.warn({ text }, 'nats-server');
    },
  });
}
