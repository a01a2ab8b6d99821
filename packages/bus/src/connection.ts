import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { connect, ErrorCode, Events, type NatsConnection, type TlsOptions } from 'nats';
import { jitteredBackoff, Mom4cError, systemRandom, type Log } from '@mom4c/core';

/** PEM texts. */
export type BusTls = { readonly ca: string; readonly cert: string; readonly key: string };

/** A connection that comes back by itself. Messages to the server wait while it is away. */
export interface Bus {
  readonly connected: boolean;
  /** Called at each loss and each return; the returned function ends that. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Sends what waits, then leaves for good. */
  close(): Promise<void>;
}

const CONNECT_LIMIT_MS = 5000;
const PING_MS = 10_000;
const RECONNECT = { baseMs: 100, capMs: 5000 };

const connections = new WeakMap<Bus, NatsConnection>();

/**
 * @param options.url of several servers of one cluster the first is asked first, and the others while it is away; who has
 *   moved to another one stays there until that one is gone @param options.name shown by the server beside the connection
 * @throws Mom4cError M4C_BUS_UNREACHABLE, also where the server refuses the certificate
 */
export async function connectBus(options: {
  url: string | readonly string[];
  name: string;
  tls: BusTls;
  log: Log;
}): Promise<Bus> {
  const backoff = jitteredBackoff({ ...RECONNECT, random: systemRandom });
  const listeners = new Set<(connected: boolean) => void>();
  let connected = true;
  const setConnected = (value: boolean): void => {
    if (value === connected) return;
    connected = value;
    options.log[value ? 'info' : 'warn'](
      { url: options.url, server: connection.info?.server_name },
      value ? 'bus: connected again' : 'bus: connection lost',
    );
    for (const listener of listeners) listener(value);
  };
  const connection = await open(options, () => backoff.next());
  void watch(connection, options.log, setConnected, () => backoff.reset());
  const bus: Bus = {
    get connected() {
      return connected;
    },
    onConnection(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      listeners.clear();
      // Draining needs the server; without one there is nobody to send to.
      if (connected && !connection.isClosed()) await connection.drain().catch(() => {});
      await connection.close();
    },
  };
  connections.set(bus, connection);
  return bus;
}

/** For the other files of this package. */
export function connectionOf(bus: Bus): NatsConnection {
  const connection = connections.get(bus);
  if (!connection) throw new TypeError('a Bus comes from connectBus only');
  return connection;
}

async function open(
  options: { url: string | readonly string[]; name: string; tls: BusTls },
  reconnectDelay: () => number,
): Promise<NatsConnection> {
  const urls = [options.url].flat();
  const { ca, cert, key } = options.tls;
  const tls: TlsOptions & { checkServerIdentity: typeof checkServerIdentity } = {
    ...{ ca, cert, key },
    checkServerIdentity: namesOneOf(urls.map((url) => new URL(url).hostname)),
  };
  try {
    return await connect({
      servers: urls,
      noRandomize: true,
      name: options.name,
      tls,
      timeout: CONNECT_LIMIT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      // A server that starts again may for a moment know nobody.
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: reconnectDelay,
    });
  } catch (error) {
    throw new Mom4cError('M4C_BUS_UNREACHABLE', `${urls.join(', ')}: ${reason(error)}`, { cause: error });
  }
}

/** Where a URL has an address in place of a name, the package has Node look for `localhost`, which any server may bear. */
function namesOneOf(hosts: readonly string[]) {
  return (_host: string, certificate: PeerCertificate): Error | undefined => {
    const faults = hosts.map((host) => checkServerIdentity(host, certificate));
    return faults.includes(undefined) ? undefined : faults[0];
  };
}

async function watch(
  connection: NatsConnection,
  log: Log,
  setConnected: (connected: boolean) => void,
  onReturn: () => void,
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === Events.Disconnect) setConnected(false);
    else if (status.type === Events.Reconnect) {
      onReturn();
      setConnected(true);
    } else if (status.type === Events.Error) log.warn({ reason: status.data }, 'bus: error');
  }
  setConnected(false);
}

function reason(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (code === ErrorCode.AuthorizationViolation || code === ErrorCode.AuthenticationExpired)
    return 'the server does not know this certificate';
  return typeof code === 'string' ? code : 'no connection';
}
