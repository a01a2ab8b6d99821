/**
 * A server-to-server stream written and read by hand, on either side: to put tokens of others into it, and to do what no
 * honest server does. Text out, text in, no parser.
 */
import { createServer as createTcpServer, connect as connectTcp } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { TLSSocket, connect as connectTls } from 'node:tls';
import type { TLSSocketOptions } from 'node:tls';

export type PemPair = { readonly cert: string; readonly key: string };

export type StreamByHand = {
  send(text: string): void;
  /** What came up to the end of the first match, which is taken off. Rejects where the peer ends before. */
  take(pattern: RegExp): Promise<RegExpExecArray>;
  /** STARTTLS: the rest is under TLS. */
  secure(as: 'client' | 'server', options: TLSSocketOptions & { servername?: string }): Promise<void>;
  /** Everything that has come and was not taken. */
  readonly rest: string;
  /** The peer has ended. */
  readonly ended: Promise<void>;
  close(): void;
};

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NAMESPACES =
  "xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'";

export const header = ({ from, to, id }: { from: string; to: string; id?: string }): string =>
  `<?xml version='1.0'?><stream:stream ${NAMESPACES} from='${from}' to='${to}'${id ? ` id='${id}'` : ''} version='1.0'>`;
export const features = (...of: readonly string[]): string =>
  `<stream:features>${of.join('')}</stream:features>`;
export const mechanisms = (...names: readonly string[]): string =>
  `<mechanisms xmlns='${SASL}'>${names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`;
export const auth = (mechanism: string, token: string): string =>
  `<auth xmlns='${SASL}' mechanism='${mechanism}'>${token}</auth>`;
export const challenge = (token: string): string => `<challenge xmlns='${SASL}'>${token}</challenge>`;
export const response = (token: string): string => `<response xmlns='${SASL}'>${token}</response>`;
export const success = `<success xmlns='${SASL}'/>`;
export const failure = (condition: string): string => `<failure xmlns='${SASL}'><${condition}/></failure>`;
export const STARTTLS_OFFER = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
export const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
export const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** Direct TLS without looking at the peer's certificate; `own` undefined: none of its own. */
export async function connectTlsByHand(
  port: number,
  servername: string,
  own: PemPair | undefined,
  more: TLSSocketOptions & { minVersion?: 'TLSv1.2'; maxVersion?: 'TLSv1.2' } = {},
): Promise<StreamByHand> {
  const options = { host: '127.0.0.1', port, servername, ALPNProtocols: ['xmpp-server'] };
  const socket = connectTls({ ...options, ...own, ...more, rejectUnauthorized: false });
  await connected(socket, 'secureConnect');
  return byHand(socket);
}

export async function connectByHand(port: number): Promise<StreamByHand> {
  const socket = connectTcp({ host: '127.0.0.1', port });
  await connected(socket, 'connect');
  return byHand(socket);
}

/** @param own undefined: in clear until `secure` @param onStream gets each connection; may fail when the peer ends it */
export async function listenByHand(
  own: PemPair | undefined,
  onStream: (stream: StreamByHand) => Promise<void>,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const open = new Set<Socket>();
  const server: Server = createTcpServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    const begin = (stream: StreamByHand): void => void onStream(stream).catch(() => stream.close());
    if (!own) return begin(byHand(socket));
    const secured = new TLSSocket(socket, serverOptions(own));
    secured.on('error', () => {});
    secured.once('secure', () => begin(byHand(secured)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export const serverOptions = (own: PemPair): TLSSocketOptions => ({
  isServer: true,
  ...own,
  requestCert: true,
  rejectUnauthorized: false,
  ALPNProtocols: ['xmpp-server'],
});

function connected(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
  });
}

function byHand(first: Socket): StreamByHand {
  let socket = first;
  let text = '';
  let over = false;
  const looking = new Set<() => void>();
  const ended = Promise.withResolvers<void>();
  const look = (): void => {
    for (const one of looking) one();
  };
  const end = (): void => {
    over = true;
    ended.resolve();
    look();
  };
  const onData = (octets: Buffer): void => {
    text += octets.toString('utf8');
    look();
  };
  const follow = (): void => {
    socket.on('error', () => {});
    socket.on('data', onData);
    socket.once('close', end);
  };
  follow();
  return {
    send: (out) => void socket.write(out),
    take: (pattern) =>
      new Promise((resolve, reject) => {
        const one = (): void => {
          const match = pattern.exec(text);
          if (!match && !over) return;
          looking.delete(one);
          if (!match) return reject(new Error(`the peer ended without ${pattern}: ${text.slice(0, 500)}`));
          text = text.slice(match.index + match[0].length);
          resolve(match);
        };
        looking.add(one);
        one();
      }),
    async secure(as, options) {
      socket.removeListener('data', onData);
      socket.removeListener('close', end);
      text = '';
      const secured =
        as === 'server'
          ? new TLSSocket(socket, options)
          : connectTls({ ...options, socket, rejectUnauthorized: false });
      await connected(secured, as === 'server' ? 'secure' : 'secureConnect');
      socket = secured;
      follow();
    },
    get rest() {
      return text;
    },
    ended: ended.promise,
    close: () => void socket.destroy(),
  };
}
