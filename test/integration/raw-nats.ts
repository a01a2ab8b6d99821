/** A NATS client in its wire protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol), so that
 *  tests can be as ill-behaved as a hostile agent, and have a second opinion on what the server does. */
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { BusTls } from '@mom4c/bus';

export type RawMessage = { subject: string; reply: string | undefined; payload: string };

export type RawNats = {
  /** Errors that the server has sent: `-ERR` lines. */
  readonly errors: string[];
  /** Resolves once the server has handled it. */
  subscribe(subject: string, onMessage: (message: RawMessage) => void): Promise<void>;
  publish(subject: string, payload: string, reply?: string): void;
  publishWith(headers: Readonly<Record<string, string>>, subject: string, payload: Uint8Array): void;
  /** Resolves once the server has handled what was sent before. */
  flush(): Promise<void>;
  request(subject: string, payload: string): Promise<string>;
  /** Resolves once the server has closed the connection. */
  readonly closed: Promise<void>;
  close(): void;
};

/** Rejects if the server lets nobody in with this certificate, or without one. */
export async function connectRaw(url: string, tls: Partial<BusTls>): Promise<RawNats> {
  const { hostname, port } = new URL(url);
  const plain = connectTcp(Number(port), hostname);
  await once(plain, 'data');
  const socket = connectTls({ socket: plain, host: hostname, ...tls });
  await once(socket, 'secureConnect');
  const client = createClient(socket);
  socket.write(
    'CONNECT {"verbose":false,"lang":"test","version":"1","protocol":1,"headers":true,"no_responders":true}\r\n',
  );
  await client.flush();
  return client;
}

function createClient(socket: TLSSocket): RawNats {
  const errors: string[] = [];
  const handlers = new Map<string, (message: RawMessage) => void>();
  const pongs: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let rest = Buffer.alloc(0);
  let lastId = 0;

  const handleLine = (line: string): void => {
    if (line.startsWith('-ERR')) errors.push(line);
    else if (line === 'PING') socket.write('PONG\r\n');
    else if (line === 'PONG') pongs.shift()?.resolve();
  };
  /** `MSG subject id [reply] length` or `HMSG subject id [reply] headers length`, then so many octets. */
  const handleMessage = (words: string[], body: Buffer): void => {
    const numbers = words[0] === 'HMSG' ? 2 : 1;
    const reply = words.length === 4 + numbers ? words[3] : undefined;
    const start = numbers === 2 ? Number(words.at(-2)) : 0;
    handlers.get(words[2]!)?.({ subject: words[1]!, reply, payload: body.subarray(start).toString() });
  };
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const words = rest.toString('latin1', 0, end).split(' ');
      const length = /^H?MSG$/.test(words[0]!) ? Number(words.at(-1)) : undefined;
      if (length !== undefined && rest.length < end + 2 + length + 2) return;
      if (length === undefined) handleLine(words.join(' '));
      else handleMessage(words, rest.subarray(end + 2, end + 2 + length));
      rest = rest.subarray(end + 2 + (length === undefined ? 0 : length + 2));
    }
  });
  const closed = Promise.withResolvers<void>();
  const end = (): void => {
    closed.resolve();
    for (const pong of pongs.splice(0)) pong.reject(new Error(`closed: ${errors.join(', ')}`));
  };
  socket.on('close', end);
  // A reset is a way to close, too.
  socket.on('error', () => {});

  const flush = (): Promise<void> =>
    new Promise((resolve, reject) => {
      pongs.push({ resolve, reject });
      socket.write('PING\r\n');
    });
  const subscribe = async (subject: string, onMessage: (message: RawMessage) => void): Promise<void> => {
    handlers.set(String(++lastId), onMessage);
    socket.write(`SUB ${subject} ${lastId}\r\n`);
    await flush();
  };
  const publish = (subject: string, payload: string, reply = ''): void => {
    socket.write(`PUB ${subject} ${reply} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`);
  };
  return {
    errors,
    closed: closed.promise,
    flush,
    subscribe,
    publish,
    publishWith(headers, subject, payload) {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const head = Buffer.from(`NATS/1.0\r\n${lines.join('')}\r\n`);
      socket.write(`HPUB ${subject} ${head.length} ${head.length + payload.length}\r\n`);
      socket.write(Buffer.concat([head, payload, Buffer.from('\r\n')]));
    },
    async request(subject, payload) {
      const inbox = `_INBOX.raw${++lastId}`;
      const answer = Promise.withResolvers<string>();
      await subscribe(inbox, (message) => answer.resolve(message.payload));
      publish(subject, payload, inbox);
      return await answer.promise;
    },
    close: () => void socket.destroy(),
  };
}
