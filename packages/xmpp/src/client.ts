/**
 * The client of the library, with all taken away that we do not want it to do by itself. One per connection: nothing
 * is carried over to the next.
 */
import { client, type Client, type MechanismClass } from '@xmpp/client';
import { parseJid, type FullJid } from '@mom4c/core';
import type { SaslExchange } from './sasl.ts';

/** Chooses direct TLS; host and port come with our own TLS options (transport.ts). */
export const SERVICE = 'xmpps://server';

export type Login = {
  /** As whom. */
  readonly jid: FullJid;
  /** How; for one connection. */
  readonly sasl: SaslExchange;
};

/** @param login none for registration */
export function createClient(domain: string, login?: Login): Client {
  const made = client({
    service: SERVICE,
    domain,
    resource: login && parseJid(login.jid).resource,
    // Never one of the library's own mechanisms: it would fall back to PLAIN, or to ANONYMOUS without a password.
    credentials: async (authenticate) => {
      if (!login) throw new Error('no log-in without an address');
      await authenticate({}, login.sasl.name);
    },
  });
  // It would come back after exactly a second, together with everybody else.
  made.reconnect.stop();
  // Its time limits leave timers behind when a connection is lost; ours are LOGIN_MS and CLOSE_MS.
  made.timeout = 0;
  if (login) made.saslFactory.use(mechanismOf(login.sasl));
  return made;
}

/** As the library wants it. It encodes with btoa what it gets: our texts are ASCII. */
function mechanismOf(sasl: SaslExchange): MechanismClass {
  return class {
    #challenge: string | undefined;

    /** Of the prototype: the library reads it before it makes one. */
    get name(): string {
      return sasl.name;
    }

    get clientFirst(): boolean {
      return true;
    }

    challenge(text: string): void {
      this.#challenge = text;
    }

    async response(): Promise<string> {
      return this.#challenge === undefined ? sasl.first() : sasl.answer(this.#challenge);
    }
  };
}
