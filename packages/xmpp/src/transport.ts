/** The library's direct TLS, with our TLS options and our parser in place of its own. */
import { EventEmitter } from 'node:events';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { TransportClass } from '@xmpp/client';
import { NS_STREAM } from './namespaces.ts';
import { createStanzaParser, type StanzaParser, type StanzaParserEvents } from './stanza-parser.ts';

export type TransportEvents = Pick<StanzaParserEvents, 'dropped' | 'fault'> & {
  /** Before it is connected. */
  socket(socket: TLSSocket): void;
};

export function createTransport(
  Base: TransportClass,
  options: ConnectionOptions,
  events: TransportEvents,
): TransportClass {
  class Socket extends Base.prototype.Socket {
    constructor() {
      super();
      // A fault may be reported once more when the library no longer listens; that would end the process.
      this.on('error', () => {});
    }

    override connect(parameters: ConnectionOptions): void {
      super.connect(parameters);
      events.socket(this.socket!);
    }
  }

  /** Takes octets where the library's takes text, and keeps faults from the library, whose answer is to wait. */
  class Parser extends EventEmitter {
    readonly #parser: StanzaParser = createStanzaParser({
      header: (root) => {
        if (root.is('stream', NS_STREAM)) this.emit('start', root);
        else events.fault('no XMPP server: the root is no stream');
      },
      element: (element) => this.emit('element', element),
      end: () => this.emit('end'),
      dropped: events.dropped,
      fault: (reason) => events.fault(`unusable stream: ${reason}`),
    });

    write(octets: Uint8Array): void {
      this.#parser.write(octets);
    }
  }

  class Transport extends Base {
    override socketParameters(): ConnectionOptions {
      return options;
    }
  }
  Object.assign(Transport.prototype, { Socket, Parser });
  return Transport;
}
