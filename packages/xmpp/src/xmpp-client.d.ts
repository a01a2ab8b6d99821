/** What we use of @xmpp/client 0.14.0. Its @types are incomplete, and drag in express and koa. */
declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events';
  import type { ConnectionOptions, TLSSocket } from 'node:tls';
  import type { Element } from '@xmpp/xml';

  export type ClientOptions = {
    /** Its scheme chooses the transport. */
    readonly service: string;
    readonly domain: string;
    readonly resource?: string | undefined;
    /** Called once the server has offered mechanisms. */
    readonly credentials: (
      authenticate: (credentials: object, mechanism: string) => Promise<void>,
    ) => Promise<void>;
  };

  export function client(options: ClientOptions): Client;

  /** A connection, once; the parts beside it are wired to it. */
  export interface Client extends EventEmitter {
    /** Of single steps, milliseconds on the wall clock; 0 for none. */
    timeout: number;
    transports: TransportClass[];
    readonly parser: StreamParser | null;
    readonly reconnect: { stop(): void };
    readonly saslFactory: { use(mechanism: MechanismClass): void };
    readonly iqCaller: { request(iq: Element): Promise<Element> };
    /** Resolves when the socket is secure. */
    connect(service: string): Promise<void>;
    /** Sends a stream header. Resolves when the server's has come, or never if that is quicker than the confirmation. */
    open(options: { readonly domain: string }): Promise<void>;
    /** Ends the stream and the socket. Never rejects. */
    disconnect(): Promise<unknown>;
    write(text: string): Promise<void>;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'online' | 'close', listener: () => void): this;
    once(event: 'online', listener: () => void): this;
    _findTransport(service: string): TransportClass | undefined;
    _onData(octets: Buffer): void;
    _onElement(element: Element): void;
  }

  export interface Transport {
    Socket: new () => TransportSocket;
    Parser: new () => StreamParser;
    socketParameters(service: string): ConnectionOptions | undefined;
  }
  /** Never instantiated: the client calls its prototype. */
  export type TransportClass = { new (): Transport; readonly prototype: Transport };

  /** Wraps the socket; emits `connect`, `data`, `error`, `close`. */
  export interface TransportSocket extends EventEmitter {
    /** Null before `connect` and after the socket's end. */
    readonly socket: TLSSocket | null;
    connect(options: ConnectionOptions): void;
  }

  /** Emits `start` and `end` for the root, `element` for each complete child of it. */
  export interface StreamParser extends EventEmitter {
    write(octets: Uint8Array): void;
  }

  export type MechanismClass = { new (): Mechanism; readonly prototype: { readonly name: string } };
  export interface Mechanism {
    readonly name: string;
    readonly clientFirst: boolean;
    /** @returns one character per octet */
    response(credentials: object): string | Promise<string>;
    challenge(text: string): void;
  }
}
