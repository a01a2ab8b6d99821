/** TLS between servers: handshakes on a socket that is there, and what the peer showed. Whether its certificate is the
 *  right one is for the policy to say, with the name that it is for; OpenSSL proves that the peer holds the key. */
import { constants, X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import tls from 'node:tls';
import { Mom4cError } from '@mom4c/core';
import type { PeerCertificate, S2sCredentials, S2sPolicy } from './s2s.ts';

/** A socket after its handshake, and what the peer showed in it. (Node tells that once only.) */
export type Secured = {
  readonly socket: tls.TLSSocket;
  readonly version: string | undefined;
  /** Undefined if it showed none. */
  readonly peer: PeerCertificate | undefined;
};

/** XEP-0368 §3. */
const ALPN = ['xmpp-server'];
const MAX_CHAIN = 8;
/** No renegotiation and no resumption: each stream shows its certificate anew. */
const SECURE = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET;

/** @throws Mom4cError M4C_CERTIFICATE_INVALID */
export function s2sContext(
  { cert, key }: S2sCredentials,
  minVersion: S2sPolicy['minVersion'],
): tls.SecureContext {
  try {
    return tls.createSecureContext({ cert, key, minVersion, secureOptions: SECURE });
  } catch (error) {
    // The cause is left out: OpenSSL's error could quote what it was given.
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', `own certificate or key: ${reason}`);
  }
}

/** As who opened the connection. @throws Mom4cError M4C_PARTNER_STREAM, M4C_PARTNER_LEVEL, M4C_PARTNER_LOGIN */
export function secureOut(
  socket: Socket,
  context: tls.SecureContext,
  host: string,
  direct: boolean,
): Promise<Secured> {
  const secured = tls.connect({
    socket,
    secureContext: context,
    rejectUnauthorized: false,
    ...(isIP(host) ? {} : { servername: host }),
    ...(direct ? { ALPNProtocols: ALPN } : {}),
  });
  return established(secured, socket, 'secureConnect');
}

/** As who was connected to; asks for a certificate. */
export function secureIn(socket: Socket, context: tls.SecureContext): Promise<Secured> {
  const secured = new tls.TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ALPN,
  });
  return established(secured, socket, 'secure');
}

function established(
  secured: tls.TLSSocket,
  raw: Socket,
  event: 'secure' | 'secureConnect',
): Promise<Secured> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      settle();
      secured.destroy();
      raw.destroy();
      reject(s2sSocketFault(error));
    };
    const closed = (): void => fail();
    const done = (): void => {
      settle();
      resolve({
        socket: secured,
        version: secured.getProtocol() ?? undefined,
        peer: certificateOf(secured),
      });
    };
    const settle = (): void => {
      secured.off('error', fail).off('close', closed).off(event, done);
      raw.off('close', closed);
      // What comes between here and whoever listens next.
      secured.on('error', () => {});
    };
    secured.on('error', fail).on('close', closed).on(event, done);
    raw.on('close', closed);
    if (raw.destroyed) fail();
  });
}

const OURS_REFUSED = /ALERT_(?:BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)/;
const VERSION = /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_PROTOCOLS_AVAILABLE/;

/** @returns M4C_PARTNER_LOGIN (our certificate was refused), M4C_PARTNER_LEVEL (no version in common), M4C_PARTNER_STREAM */
export function s2sSocketFault(error: Error | undefined): Mom4cError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (OURS_REFUSED.test(code))
    return new Mom4cError('M4C_PARTNER_LOGIN', `the peer refused our certificate: ${code}`);
  if (VERSION.test(code)) return new Mom4cError('M4C_PARTNER_LEVEL', `no TLS version in common: ${code}`);
  return new Mom4cError('M4C_PARTNER_STREAM', code || 'the connection was closed');
}

function certificateOf(socket: tls.TLSSocket): PeerCertificate | undefined {
  const own = socket.getPeerX509Certificate();
  if (!own) return undefined;
  const chain: Uint8Array[] = [];
  for (let next: X509Certificate | undefined = own.issuerCertificate; next; next = next.issuerCertificate) {
    if (chain.length === MAX_CHAIN || chain.some((each) => next!.raw.equals(each))) break;
    chain.push(next.raw);
  }
  return { der: own.raw, chain };
}

/** @throws Mom4cError M4C_PARTNER_LEVEL, M4C_PARTNER_CERTIFICATE */
export function checkTls(policy: S2sPolicy, host: string, { version, peer }: Secured): void {
  if (version !== 'TLSv1.3' && (policy.minVersion === 'TLSv1.3' || version !== 'TLSv1.2'))
    throw new Mom4cError('M4C_PARTNER_LEVEL', `${version ?? 'no TLS'} where ${policy.minVersion} is due`);
  policy.verify?.(peer, host);
}
