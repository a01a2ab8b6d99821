/**
 * `POST /tokens {name, role, ttl}` → 201 `{token, expires}`, for administrators of the domain: HTTPS with client
 * certificates of our own authority. Errors: `{code, detail}`.
 */
import type { KeyObject } from 'node:crypto';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { Mom4cError, uuidv7, asMom4cError } from '@mom4c/core';
import type { Certificate, Clock, ErrorBody, Log, Random } from '@mom4c/core';
import { readCertificate, toPem, verifyIssued } from '@mom4c/pki';
import type { Authority } from '@mom4c/pki';
import * as z from 'zod';
import type { CertificateStore } from './certificate-store.ts';
import { HTTP_LIMITS, listen, readBody } from './http.ts';
import type { HttpService } from './http.ts';
import type { TokenStore } from './token-store.ts';

type Answer = { readonly status: number; readonly body: object };

const MAX_BODY = 4096;
const tokenRequest = z.strictObject({
  name: z.string().max(64),
  role: z.string().max(32),
  ttl: z.string().max(16).default('1h'),
});

export async function startAdminService(parts: {
  readonly host: string;
  readonly port: number;
  readonly authority: Authority;
  readonly identity: { readonly key: KeyObject; readonly certificate: Certificate };
  readonly tokens: TokenStore;
  readonly certificates: CertificateStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Log;
}): Promise<HttpService> {
  const { authority, identity, tokens, certificates, clock, random, log } = parts;

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const admin = checkAdmin(request);
    if (request.url !== '/tokens')
      return { status: 404, body: { code: 'M4C_UNKNOWN_COMMAND', detail: 'there is /tokens only' } };
    if (request.method !== 'POST')
      return { status: 405, body: { code: 'M4C_UNKNOWN_COMMAND', detail: 'POST only' } };
    const wish = readTokenRequest(await readBody(request, MAX_BODY));
    const { token, expires } = tokens.create(wish);
    const { name, role } = wish;
    log.info(
      { audit: 'token', name, role, expires: new Date(expires).toISOString(), by: admin.name },
      'token made',
    );
    return { status: 201, body: { token, expires } };
  };

  /** TLS has verified the chain; here it is who that is, and that it still holds. @throws Mom4cError M4C_FORBIDDEN */
  const checkAdmin = (request: IncomingMessage): Certificate => {
    const shown = request.socket instanceof TLSSocket ? request.socket.getPeerX509Certificate() : undefined;
    if (!shown) throw new Mom4cError('M4C_FORBIDDEN', 'no certificate');
    const certificate = readCertificate(shown.raw);
    verifyIssued(certificate, authority, clock.now());
    if (certificate.role !== 'admin')
      throw new Mom4cError('M4C_FORBIDDEN', `role ${certificate.role} is not admin`);
    if (!certificates.isStanding(certificate))
      throw new Mom4cError('M4C_FORBIDDEN', 'the certificate is revoked');
    return certificate;
  };

  const fail = (thrown: unknown): Answer => {
    const newCorrelation = () => uuidv7(clock, random);
    const error = asMom4cError(thrown, newCorrelation, (bug, correlation) =>
      log.error({ err: bug, correlation }, 'bug'),
    );
    log.warn({ audit: 'refused', code: error.code, detail: error.detail }, 'admin request refused');
    const body: ErrorBody = error.toBody();
    return { status: statusOf(error), body };
  };

  const server = createServer(
    {
      ...HTTP_LIMITS,
      key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
      cert: toPem('CERTIFICATE', identity.certificate.der),
      ca: authority.pem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    },
    (request, response) => {
      answer(request)
        .catch(fail)
        .then((given) => send(request, response, given))
        .catch((error: unknown) => log.error({ err: error }, 'admin service'));
    },
  );
  server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
    log.debug({ code: error.code }, 'TLS client refused'),
  );
  return listen(server, 'admin', parts.host, parts.port);
}

/** @throws Mom4cError M4C_BAD_ARGUMENTS */
export function readTokenRequest(octets: Buffer): z.output<typeof tokenRequest> {
  let value: unknown;
  try {
    value = JSON.parse(octets.toString('utf8'));
  } catch {
    throw new Mom4cError('M4C_BAD_ARGUMENTS', 'not JSON');
  }
  const parsed = tokenRequest.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  throw new Mom4cError('M4C_BAD_ARGUMENTS', faults.join('; '));
}

function statusOf({ code, entry }: Mom4cError): number {
  if (code === 'M4C_TOO_LARGE') return 413;
  if (code === 'M4C_INTERNAL') return 500;
  if (entry.type === 'auth') return 403;
  return entry.type === 'wait' ? 503 : 400;
}

function send(request: IncomingMessage, response: ServerResponse, { status, body }: Answer): void {
  if (!request.complete) response.setHeader('connection', 'close');
  const text = `${JSON.stringify(body)}\n`;
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  };
  response.writeHead(status, headers).end(text);
}
