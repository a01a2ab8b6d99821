/** A nats-server with JetStream, TLS and client certificates, as a domain has one. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram, superviseProcess, type BusTls, type SupervisedProcess } from '@mom4c/bus';
import { systemRandom, type Log } from '@mom4c/core';
import { createBusAuthority } from '@mom4c/pki';

export type NatsDomain = {
  readonly url: string;
  readonly server: SupervisedProcess;
  readonly folder: string;
  client(name: string): Promise<BusTls>;
  stop(): Promise<void>;
};

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export async function startNatsDomain(): Promise<NatsDomain> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-nats-'));
  const authority = await createBusAuthority(systemRandom);
  const identity = await authority.server();
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  mkdirSync(join(folder, 'jetstream'));
  const tls = {
    ca_file: file('ca.crt', authority.certificate),
    cert_file: file('server.crt', identity.certificate),
    key_file: file('server.key', identity.key),
    verify: true,
  };
  const jetstream = { store_dir: join(folder, 'jetstream') };
  let port = -1;
  const config = (): string =>
    file('nats.conf', JSON.stringify({ listen: `127.0.0.1:${port}`, tls, jetstream, max_payload: 1 << 20 }));
  const server = await superviseProcess({
    name: 'nats-domain',
    program: findProgram('nats-server', 'nats-server'),
    args: ['--config', config()],
    prepare: async () => void config(),
    started: (child) =>
      new Promise((resolve) => {
        child.stdin!.end();
        child.stdout!.resume();
        createInterface({ input: child.stderr! }).on('line', (line) => {
          port = Number(/client connections on 127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? port);
          if (line.includes('Server is ready')) resolve();
        });
      }),
    log: silent,
  });
  return {
    url: `tls://127.0.0.1:${port}`,
    server,
    folder,
    async client(name) {
      const { certificate, key } = await authority.client(name);
      return { ca: authority.certificate, cert: certificate, key };
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
