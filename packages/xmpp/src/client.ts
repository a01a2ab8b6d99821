/**
 * The client of the library, with all taken away that we do not want it to do by itself. One per connection: nothing
 * is carried over to the next.
 */
import { client, type Client } from '@xmpp/client';
import { bareJid, Mom4cError, parseJid, type BareJid, type FullJid } from '@mom4c/core';

/** Chooses direct TLS; host and port come with our own TLS options (transport.ts). */
export const SERVICE = 'xmpps://server';

/** @param jid as whom it will log in; none for registration */
export function createClient(domain: string, jid?: FullJid): Client {
  const account = jid && bareJid(jid);
  const made = client({
    service: SERVICE,
    domain,
    resource: jid && parseJid(jid).resource,
    // Never one of the library's own mechanisms: it would fall back to PLAIN, or to ANONYMOUS without a password.
    credentials: async (authenticate) => {
      if (!account) throw new Error('no log-in without an address');
      await authenticate({ account }, External.prototype.name);
    },
  });
  // It would come back after exactly a second, together with everybody else.
  made.reconnect.stop();
  // Its time limits leave timers behind when a connection is lost; ours are LOGIN_MS and CLOSE_MS.
  made.timeout = 0;
  made.saslFactory.use(External);
  return made;
}

/** SASL EXTERNAL: log-in by the certificate of the TLS connection (RFC 4422 appendix A, XEP-0178). */
class External {
  /** Of the prototype: the library reads it before it makes one. */
  get name(): string {
    return 'EXTERNAL';
  }

  get clientFirst(): boolean {
    return true;
  }

  /** Never an empty authzid: with two addresses in the certificate it chooses, and Prosody 0.12 hangs without. */
  response({ account }: { readonly account: BareJid }): string {
    // Which the library encodes with btoa: our addresses are ASCII.
    return account;
  }

  challenge(): void {
    throw new Mom4cError('M4C_XMPP_LOGIN', 'the server asks for more than the certificate');
  }
}
