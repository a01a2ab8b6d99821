/** On the way between two servers, with the keys of both: passes everything on, and keeps what it sees in clear. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { Issued } from './openssl-authority.ts';

export type TlsRecorder = {
  readonly port: number;
  /** Names of elements as they were begun, in order. */
  readonly seen: { readonly there: readonly string[]; readonly back: readonly string[] };
  readonly protocols: readonly (string | null)[];
  stop(): Promise<void>;
};

type Pem = Pick<Issued, 'cert' | 'key'>;

const START = /<([a-z:]+)/g;

export async function recordTls(client: Pem, server: Pem, port: number): Promise<TlsRecorder> {
  const texts = { there: '', back: '' };
  const protocols: (string | null)[] = [];
  const sockets = new Set<TLSSocket>();
  const front = createServer(
    { cert: server.cert, key: server.key, requestCert: true, rejectUnauthorized: false },
    (from) => {
      const to = connect({
        host: '127.0.0.1',
        port,
        cert: client.cert,
        key: client.key,
        rejectUnauthorized: false,
      });
      protocols.push(from.getProtocol());
      for (const [socket, other, way] of [
        [from, to, 'there'],
        [to, from, 'back'],
      ] as const) {
        sockets.add(socket);
        socket.on('data', (octets: Buffer) => (texts[way] += octets.toString('utf8')));
        socket.on('error', () => other.destroy());
        socket.on('close', () => sockets.delete(socket));
        socket.pipe(other);
      }
    },
  );
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const names = (text: string): string[] => [...text.matchAll(START)].map(([, name]) => name!);
  return {
    port: (front.address() as AddressInfo).port,
    get seen() {
      return { there: names(texts.there), back: names(texts.back) };
    },
    protocols,
    async stop() {
      for (const socket of sockets) socket.destroy();
      front.close();
      await once(front, 'close');
    },
  };
}
