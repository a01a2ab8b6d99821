/** Direct TLS to an XMPP server (XEP-0368), and what its failures mean. */
import tls from 'node:tls';
import { Mom4cError } from '@mom4c/core';

export type Endpoint = {
  /** Name or address to connect to. */
  readonly host: string;
  readonly port: number;
  /** The XMPP domain: what the server's certificate must name (RFC 6120 §13.7.2.1), whatever `host` is. */
  readonly domain: string;
};

/** PEM. */
export type ClientTls = { readonly ca: string; readonly cert: string; readonly key: string };

/** @param own without certificate and key for registration only
 *  @throws Mom4cError M4C_CERTIFICATE_INVALID (certificate and key cannot be used) */
export function tlsOptions(
  { host, port, domain }: Endpoint,
  own: ClientTls | { readonly ca: string },
): tls.ConnectionOptions {
  return {
    host,
    port,
    servername: domain,
    secureContext: secureContext(own),
    ALPNProtocols: ['xmpp-client'],
    checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(domain, certificate),
  };
}

function secureContext(own: ClientTls | { readonly ca: string }): tls.SecureContext {
  try {
    return tls.createSecureContext({ ...own, minVersion: 'TLSv1.2' });
  } catch (error) {
    // The cause is left out: OpenSSL's error could quote what it was given.
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', `own certificate, key or authority: ${code}`);
  }
}

const OUR_CERTIFICATE_REFUSED =
  /ALERT_(?:BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)/;

/** @param socket says whether the server's certificate was the reason
 *  @returns M4C_TLS, M4C_XMPP_LOGIN (the server refused our certificate), M4C_XMPP_UNREACHABLE */
export function socketFault(error: Error, socket?: Pick<tls.TLSSocket, 'authorizationError'>): Mom4cError {
  if (error instanceof Mom4cError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (socket?.authorizationError) return new Mom4cError('M4C_TLS', String(code), { cause: error });
  if (OUR_CERTIFICATE_REFUSED.test(code))
    return new Mom4cError('M4C_XMPP_LOGIN', `the server refused the certificate: ${code}`, { cause: error });
  if (code === 'EPROTO' || (code.startsWith('ERR_SSL_') && !code.includes('EOF')))
    return new Mom4cError('M4C_TLS', code, { cause: error });
  return new Mom4cError('M4C_XMPP_UNREACHABLE', code || 'connection lost', { cause: error });
}
