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
 *  @throws Mom4cError M4C_TLS, M4C_XMPP_UNREACHABLE, M4C_XMPP_LOGIN (the server refused our certificate),
 *  M4C_CERTIFICATE_INVALID (certificate and key cannot be used) */
export function connectTls(
  { host, port, domain }: Endpoint,
  own: ClientTls | { readonly ca: string },
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    let secureContext: tls.SecureContext;
    try {
      secureContext = tls.createSecureContext({ ...own, minVersion: 'TLSv1.2' });
    } catch (error) {
      // The cause is left out: OpenSSL's error could quote what it was given.
      const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
      reject(new Mom4cError('M4C_CERTIFICATE_INVALID', `own certificate, key or authority: ${code}`));
      return;
    }
    const socket = tls.connect({
      host,
      port,
      servername: domain,
      secureContext,
      ALPNProtocols: ['xmpp-client'],
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(domain, certificate),
    });
    socket.setNoDelay(true);
    const abort = (): void => {
      socket.destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'no TLS connection in time'));
    };
    const settle = (): void => {
      signal.removeEventListener('abort', abort);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
    const onError = (error: Error): void => {
      settle();
      // A socket may report once more after its first error; with no listener that would end the process.
      socket.on('error', () => {});
      reject(socketFault(error, socket));
    };
    const onClose = (): void => {
      settle();
      reject(new Mom4cError('M4C_XMPP_UNREACHABLE', 'closed before TLS was established'));
    };
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.once('secureConnect', () => {
      settle();
      resolve(socket);
    });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

const OUR_CERTIFICATE_REFUSED =
  /ALERT_(?:BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)/;

/** @param socket says whether the server's certificate was the reason */
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
