/** SASL EXTERNAL: log-in by the certificate of the TLS connection (RFC 4422 appendix A, XEP-0178). */
import { Mom4cError, type BareJid } from '@mom4c/core';
import type { SaslExchange } from './sasl.ts';

export function createExternal(account: BareJid): SaslExchange {
  return {
    name: 'EXTERNAL',
    // Never an empty authzid: with two addresses in the certificate it chooses, and Prosody 0.12 hangs without.
    first: () => account,
    answer: () =>
      Promise.reject(new Mom4cError('M4C_XMPP_LOGIN', 'the server asks for more than the certificate')),
    finish() {},
  };
}
