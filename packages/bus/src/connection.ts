import { connect, ErrorCode, Events, type NatsConnection } from 'nats';
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
 * @param name shown by the server beside the connection
 * @throws Mom4cError M4C_BUS_UNREACHABLE, also where the server refuses the certificate
 */
export async function connectBus(options: {
  url: string;
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
      { url: options.url },
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
  options: { url: string; name: string; tls: BusTls },
  reconnectDelay: () => number,
): Promise<NatsConnection> {
  try {
    return await connect({
      servers: options.url,
      name: options.name,
      tls: { ca: options.tls.ca, cert: options.tls.cert, key: options.tls.key },
      timeout: CONNECT_LIMIT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      // A server that starts again may for a moment know nobody.
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: reconnectDelay,
    });
  } catch (error) {
    throw new Mom4cError('M4C_BUS_UNREACHABLE', `${options.url}: ${reason(error)}`, { cause: error });
  }
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
