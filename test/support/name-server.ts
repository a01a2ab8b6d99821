/** DNS for names that exist in a test only: Debian's dnsmasq on a free port of loopback, asked by nobody else. */
import dns from 'node:dns';
import { mkdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { freePort, isPortTaken, releasePorts, startProcess, stopProcess, until } from '@mom4c/lab';

/** Where a domain's servers are found (RFC 6120 §3.2.1, XEP-0368). Undefined ports get no record. */
export type ServerRecord = {
  readonly domain: string;
  /** `_xmpp-server._tcp`: STARTTLS. */
  readonly starttls?: number | undefined;
  /** `_xmpps-server._tcp`: direct TLS. */
  readonly direct?: number | undefined;
};

export type NameServer = { readonly port: number; stop(): Promise<void> };

const READY_MS = 10_000;

/**
 * The servers are on `localhost`: ejabberd asks for services here, but for addresses the machine.
 * @param folder for its log
 */
export async function startNameServer(folder: string, records: readonly ServerRecord[]): Promise<NameServer> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const services = records.flatMap(({ domain, starttls, direct }) => [
    ...(starttls === undefined ? [] : [`--srv-host=_xmpp-server._tcp.${domain},localhost,${starttls}`]),
    ...(direct === undefined ? [] : [`--srv-host=_xmpps-server._tcp.${domain},localhost,${direct}`]),
  ]);
  const { record } = await startProcess({
    name: 'dnsmasq',
    command: '/usr/sbin/dnsmasq',
    args: [
      ...['--conf-file=/dev/null', '--keep-in-foreground', '--user=', '--pid-file=', '--log-facility=-'],
      ...['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`],
      // It knows these names and nothing else, and asks nobody.
      ...['--no-resolv', '--no-hosts', '--address=/test/127.0.0.1', ...services],
    ],
    folder,
    env: {},
    logFile: join(folder, 'dnsmasq.log'),
  });
  const answers = await until(() => isPortTaken(port), READY_MS);
  const stop = async (): Promise<void> => {
    await stopProcess(record);
    releasePorts([port]);
  };
  if (answers) return { port, stop };
  await stop();
  throw new Error(`dnsmasq does not listen, see ${record.logFile}`);
}

/** Whatever this process asks of DNS goes there; addresses of names, which the system looks up, do not. @returns the way back */
export function useNameServer(port: number): () => void {
  const before = dns.getServers();
  const use = (servers: readonly string[]): void => {
    dns.setServers(servers);
    syncBuiltinESMExports();
  };
  use([`127.0.0.1:${port}`]);
  return () => use(before);
}
