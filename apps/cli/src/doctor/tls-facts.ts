/** What a TLS server shows of itself, to somebody with our certificate or without any. */
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { Mom4cError } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';

export type Tls = { readonly ca: string; readonly cert: string; readonly key: string };

export type TlsFacts = {
  /** `TLSv1.3` */
  protocol: string;
  /** Unix milliseconds: when the server's certificate expires. */
  expires: number;
};

/** @param away what it means that nobody answers
 *  @throws Mom4cError `away`; M4C_TLS (the server's certificate, or its opinion of ours) */
export function tlsFacts(
  options: ConnectionOptions & Pick<Tls, 'ca'>,
  signal: AbortSignal,
  away: ErrorCode,
): Promise<TlsFacts> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ minVersion: 'TLSv1.2', ...options }, () => {
      const expires = Date.parse(socket.getPeerCertificate().valid_to);
      resolve({ protocol: socket.getProtocol() ?? 'unknown', expires });
      socket.end();
    });
    const { host, port } = options;
    const stop = (): void => void socket.destroy(new Mom4cError(away, `${host}:${port} gives no answer`));
    signal.addEventListener('abort', stop, { once: true });
    socket.on('close', () => signal.removeEventListener('abort', stop));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error instanceof Mom4cError) return reject(error);
      const code = error.code ?? 'connection lost';
      const isTls =
        Boolean(socket.authorizationError) ||
        code.startsWith('ERR_') ||
        code === 'EPROTO' ||
        /CERT/.test(code);
      reject(new Mom4cError(isTls ? 'M4C_TLS' : away, `${host}:${port}: ${code}`, { cause: error }));
    });
  });
}

const DAY_MS = 24 * 3_600_000;
/** Of a server's certificate: enough to act in peace. */
const SOON_DAYS = 14;

export function describeTls({ protocol, expires }: TlsFacts): { says: string; warn?: { remedy: string } } {
  const days = Math.floor((expires - Date.now()) / DAY_MS);
  const says = `${protocol}, its certificate is good for ${days} days`;
  return days < SOON_DAYS
    ? { says, warn: { remedy: 'Make a new certificate for the server before that.' } }
    : { says };
}
