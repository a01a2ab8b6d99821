/** For tests only: a server that says what the test tells it, over TLS with a shared key, so that none needs certificates. */
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';

export type Peer = {
  /** Resolves with all that has come since the last time, once that contains `text`. */
  read(text: string): Promise<string>;
  /** Each call is one read of the other side. */
  write(data: string | Uint8Array): void;
  end(): void;
  /** Takes nothing more in. */
  pause(): void;
  readonly closed: Promise<void>;
};

export type ScriptedServer = {
  readonly tls: tls.ConnectionOptions;
  /** How many came so far. */
  readonly count: number;
  /** The next one that nobody has asked for yet. */
  connection(): Promise<Peer>;
  close(): Promise<void>;
};

const SHARED = {
  ciphers: 'PSK-AES128-GCM-SHA256',
  maxVersion: 'TLSv1.2',
} as const satisfies tls.SecureContextOptions;
const KEY = Buffer.alloc(32, 1);

export async function startScriptedServer(): Promise<ScriptedServer> {
  const sockets = new Set<tls.TLSSocket>();
  const arrived: Peer[] = [];
  let wake: (() => void) | undefined;
  let count = 0;
  const server = tls.createServer({ ...SHARED, pskCallback: () => KEY }, (socket) => {
    count += 1;
    sockets.add(socket);
    arrived.push(peerOf(socket));
    wake?.();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    tls: {
      ...SHARED,
      host: '127.0.0.1',
      port,
      pskCallback: () => ({ psk: KEY, identity: 'test' }),
      checkServerIdentity: () => undefined,
    },
    get count() {
      return count;
    },
    async connection() {
      while (arrived.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return arrived.shift()!;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function peerOf(socket: tls.TLSSocket): Peer {
  let received = '';
  let wake: (() => void) | undefined;
  socket.on('data', (octets: Buffer) => {
    received += octets.toString();
    wake?.();
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return {
    async read(text) {
      while (!received.includes(text)) await new Promise<void>((resolve) => (wake = resolve));
      const all = received;
      received = '';
      return all;
    },
    write: (data) => void socket.write(data),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    closed,
  };
}
