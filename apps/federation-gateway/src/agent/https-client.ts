/**
 * One request over HTTPS. No redirect is followed, no connection kept, nothing is sent before the peer's certificate
 * has been verified.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { type Clock, deadlineWithin, type ErrorCode, Mom4cError } from '@mom4c/core';
import { requestHttp } from '@mom4c/runtime';

export type Trust =
  /** One of these certificates (DER), whatever name it has. */
  | { readonly kind: 'pinned'; readonly certificates: readonly Uint8Array[] }
  /** The name of the URL, under these authorities (PEM); undefined: those of Node. */
  | { readonly kind: 'authorities'; readonly ca: string | undefined };

/** What to throw: who does not answer, who is somebody else, whose answer is none. */
export type Faults = {
  readonly what: string;
  readonly unreachable: ErrorCode;
  readonly untrusted: ErrorCode;
  readonly answer: ErrorCode;
};

export type HttpsRequest = {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** By POST; without it GET. */
  readonly body?: { readonly type: string; readonly text: string };
  readonly trust: Trust;
  /** PEM of a client certificate and its key. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  readonly maxOctets?: number;
  readonly faults: Faults;
};

export type HttpsAnswer = {
  readonly status: number;
  /** Absolute, of a redirect. */
  readonly location: URL | undefined;
  /** Without parameters, in lower case. */
  readonly type: string;
  readonly cookies: readonly string[];
  readonly text: string;
};

export type HttpsClient = (ask: HttpsRequest, signal: AbortSignal) => Promise<HttpsAnswer>;

const LIMIT_MS = 15_000;
const MAX_OCTETS = 256 * 1024;
const REDIRECTS = [301, 302, 303, 307, 308];

export function createHttpsClient(clock: Pick<Clock, 'after'>): HttpsClient {
  return async (ask, signal) => {
    const { faults } = ask;
    const deadline = deadlineWithin(signal, LIMIT_MS, clock);
    try {
      const socket = await open(ask, deadline.signal);
      try {
        return await exchange(ask, socket, deadline.signal);
      } finally {
        socket.destroy();
      }
    } catch (error) {
      if (error instanceof Mom4cError) throw error;
      const reason = deadline.signal.aborted
        ? signal.aborted
          ? 'given up'
          : 'no answer in time'
        : reasonOf(error);
      throw new Mom4cError(faults.unreachable, `${faults.what}: ${reason}`, { cause: error });
    } finally {
      deadline.clear();
    }
  };
}

/** Resolves once TLS is up and the certificate verified. */
function open({ url, trust, client, faults }: HttpsRequest, signal: AbortSignal): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host,
      port: Number(url.port || 443),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...tlsOf(trust),
      ...(client && { cert: client.cert, key: client.key }),
      // Else NODE_TLS_REJECT_UNAUTHORIZED of the environment would switch off trust and pins.
      rejectUnauthorized: true,
    });
    const abort = (): void => void socket.destroy(new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', abort);
      const untrusted = socket.authorizationError;
      reject(
        untrusted
          ? new Mom4cError(
              faults.untrusted,
              `${faults.what}: certificate not accepted (${String(error.code ?? error.message)})`,
              { cause: error },
            )
          : error,
      );
    });
    if (signal.aborted) abort();
  });
}

function tlsOf(trust: Trust): ConnectionOptions {
  if (trust.kind === 'authorities')
    return { minVersion: 'TLSv1.2', ...(trust.ca !== undefined && { ca: trust.ca }) };
  const isPinned = (der: Uint8Array): boolean =>
    trust.certificates.some((pinned) => Buffer.compare(pinned, der) === 0);
  return {
    ca: trust.certificates.map(toPem),
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.3',
    checkServerIdentity: (_host, { raw }) =>
      isPinned(raw) ? undefined : new Error('not a pinned certificate'),
  };
}

function toPem(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
}

function exchange(ask: HttpsRequest, socket: TLSSocket, signal: AbortSignal): Promise<HttpsAnswer> {
  const { url, body, headers, faults } = ask;
  return new Promise((resolve, reject) => {
    const request = requestHttp({
      createConnection: () => socket,
      method: body ? 'POST' : 'GET',
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        connection: 'close',
        ...headers,
        ...(body && { 'content-type': body.type, 'content-length': String(Buffer.byteLength(body.text)) }),
      },
      maxHeaderSize: 32_768,
      signal,
    });
    request.once('error', reject);
    request.once('response', (response) => {
      readAnswer(response, ask).then(resolve, reject);
    });
    request.end(body?.text);
  }).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code.startsWith('HPE_'))
      throw new Mom4cError(faults.answer, `${faults.what}: not HTTP (${code})`, { cause: error });
    throw error;
  }) as Promise<HttpsAnswer>;
}

async function readAnswer(
  response: IncomingMessage,
  { url, faults, maxOctets = MAX_OCTETS }: HttpsRequest,
): Promise<HttpsAnswer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxOctets)
      throw new Mom4cError(faults.answer, `${faults.what}: more than ${maxOctets} octets`);
    parts.push(part);
  }
  const status = response.statusCode ?? 0;
  const header = response.headers.location;
  const isRedirect = REDIRECTS.includes(status) && header !== undefined;
  const location = isRedirect ? URL.parse(header, url.href) : undefined;
  if (location === null) throw new Mom4cError(faults.answer, `${faults.what}: redirects to what is no URL`);
  return {
    status,
    location,
    type: (response.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase(),
    cookies: response.headers['set-cookie'] ?? [],
    text: Buffer.concat(parts).toString('utf8'),
  };
}

function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}
