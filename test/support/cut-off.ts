/** Managers of a lab whose ways to the XMPP server and to the bus lead through relays, so that each can be cut off. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Component, LabDomain } from '@mom4c/lab';
import { cuttableProxy } from './cuttable-proxy.ts';

type Proxy = Awaited<ReturnType<typeof cuttableProxy>>;
export type Ways = { readonly xmpp: Proxy; readonly bus: Proxy; close(): Promise<void> };

/** Stops the manager, and starts it again behind relays. */
export async function putBehindRelays(domain: LabDomain, manager: Component): Promise<Ways> {
  const { xmpp, nats } = domain.describe();
  const busPort = Number(new URL(nats.url).port);
  const ways = { xmpp: await cuttableProxy(xmpp.port), bus: await cuttableProxy(busPort) };
  const file = join(dirname(manager.process!.logFile), 'config.yaml');
  const config = readFileSync(file, 'utf8')
    .replace(`port: ${xmpp.port}\n`, `port: ${ways.xmpp.port}\n`)
    .replace(nats.url, `tls://127.0.0.1:${ways.bus.port}`);
  await manager.stop();
  writeFileSync(file, config);
  await manager.start();
  return {
    ...ways,
    async close() {
      await Promise.all([ways.xmpp.close(), ways.bus.close()]);
    },
  };
}
