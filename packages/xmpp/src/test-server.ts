/** For tests only: a server that says what the test tells it, over TLS with a shared key, so that none needs certificates, or plain. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';

export type Peer = {
  /** Resolves with all that has come since the last time, once that contains `text`; fails if it cannot come any more. */
  read(text: string): Promise<string>;
  /** Resolves with what comes next, whatever it is: each send of the other side is one piece. */
  said(): Promise<string>;
  /** Each call is one read of the other side. */
  write(data: string | Uint8Array): void;
  /** Resolves when the system has taken it. */
  push(data: string): Promise<void>;
  end(): void;
  /** Takes nothing more in. */
  pause(): void;
  readonly closed: Promise<void>;
};

export type ScriptedServer = {
  /** How many came so far. */
  count(): number;
  /** The next one that nobody has asked for yet. */
  connection(): Promise<Peer>;
  close(): Promise<void>;
};

const SHARED = {
  ciphers: 'PSK-AES128-GCM-SHA256',
  maxVersion: 'TLSv1.2',
} as const satisfies tls.SecureContextOptions;
const KEY = Buffer.alloc(32, 1);
/** Also where a test stops the timers of the process. */
const [realTimeout, realClear] = [setTimeout, clearTimeout];
/** No test waits for that long; a change of the code that makes it wait fails with what was missing. */
const STALLED_MS = 10_000;

/** Direct TLS, as a client's port. */
export async function startScriptedServer(): Promise<
  ScriptedServer & { readonly tls: tls.ConnectionOptions }
> {
  const guests = new Guests();
  const server = tls.createServer({ ...SHARED, pskCallback: () => KEY }, (socket) => guests.admit(socket));
  const port = await listen(server);
  const options = {
    ...SHARED,
    host: '127.0.0.1',
    port,
    pskCallback: () => ({ psk: KEY, identity: 'test' }),
    checkServerIdentity: () => undefined,
  };
  return { ...guests.of(server), tls: options };
}

/** Plain TCP, as a component's port. */
export async function startPlainServer(): Promise<ScriptedServer & { readonly port: number }> {
  const guests = new Guests();
  const server = createServer((socket) => guests.admit(socket));
  const port = await listen(server);
  return { ...guests.of(server), port };
}

/** Direct TLS with a certificate, as a server's port for servers. */
export async function startTlsServer(
  options: tls.TlsOptions,
): Promise<ScriptedServer & { readonly port: number }> {
  const guests = new Guests();
  const server = tls.createServer(options, (socket) => guests.admit(socket));
  const port = await listen(server);
  return { ...guests.of(server), port };
}

class Guests {
  readonly #sockets = new Set<Socket>();
  readonly #arrived: Peer[] = [];
  #wake: (() => void) | undefined;

  admit(socket: Socket): void {
    this.#sockets.add(socket);
    this.#arrived.push(peerOf(socket));
    this.#wake?.();
  }

  of(server: Server): ScriptedServer {
    return {
      count: () => this.#sockets.size,
      connection: async () => {
        while (this.#arrived.length === 0)
          await settles(new Promise<void>((resolve) => (this.#wake = resolve)), 'a connection');
        return this.#arrived.shift()!;
      },
      close: () => {
        for (const socket of this.#sockets) socket.destroy();
        return new Promise((resolve) => server.close(() => resolve()));
      },
    };
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What the promise gives, or an assertion that names what did not happen. */
export async function settles<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    timer = realTimeout(
      () => reject(new assert.AssertionError({ message: `still waiting for ${what}` })),
      STALLED_MS,
    );
  });
  try {
    return await Promise.race([promise, stalled]);
  } finally {
    realClear(timer);
  }
}

export function peerOf(socket: Socket): Peer {
  let received = '';
  let ended = false;
  let wake: (() => void) | undefined;
  socket.on('data', (octets: Buffer) => {
    received += octets.toString();
    wake?.();
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) =>
    socket.once('close', () => {
      ended = true;
      wake?.();
      resolve();
    }),
  );

  async function until(holds: () => boolean, wanted: string): Promise<string> {
    while (!holds()) {
      assert.ok(!ended, `the connection was closed before ${wanted} came; there was: ${received}`);
      await settles(new Promise<void>((resolve) => (wake = resolve)), `${wanted}; there was: ${received}`);
    }
    const all = received;
    received = '';
    return all;
  }

  return {
    read: (text) => until(() => received.includes(text), text),
    said: () => until(() => received !== '', 'anything'),
    write: (data) => void socket.write(data),
    push: (data) => new Promise((resolve) => void socket.write(data, () => resolve())),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    closed,
  };
}
