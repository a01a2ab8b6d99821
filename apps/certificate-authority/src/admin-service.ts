/**
 * What administrators of the domain order, over HTTPS with client certificates of our own authority:
 *
 * - `POST /tokens {name, role, ttl, legacy}` → 201 `{token, expires}`
 * - `GET /enrolments` → 200 `{enrolments: [{id, fingerprint, subject, remote, received, expires, state, serial}]}`
 * - `POST /enrolments/ID/approve {name, role}` → 200 `{serial, name, role}`
 * - `POST /enrolments/ID/reject {}` → 200 `{}`
 * - `POST /revocations {name | serial, reason}` → 200 `{revoked: [{serial, name, role}], tokens}`
 * - `POST /reset-epoch {}` → 200 `{generation}`
 *
 * Errors: `{code, detail}`. Times are milliseconds since 1970.
 */
import type { KeyObject } from 'node:crypto';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { Mom4cError, REVOCATION_REASONS, asMom4cError, isUuidv7, uuidv7 } from '@mom4c/core';
import type { Certificate, Clock, ErrorBody, Log, Random } from '@mom4c/core';
import { readCertificate, toPem, verifyIssued } from '@mom4c/pki';
import type { Authority } from '@mom4c/pki';
import { HTTPS_LIMITS, listen } from '@mom4c/runtime';
import type { HttpService } from '@mom4c/runtime';
import * as z from 'zod';
import type { CertificateStore } from './certificate-store.ts';
import { MAX_CONNECTIONS, readBody } from './http.ts';
import type { Orders } from './orders.ts';

type Answer = { readonly status: number; readonly body: object };
/** @param by name of the administrator; `body` is empty in a GET */
type Route = {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  perform(orders: Orders, request: { body: Buffer; id: string; by: string }): Answer | Promise<Answer>;
};

const MAX_BODY = 4096;
const grant = { name: z.string().max(64), role: z.string().max(32) };
const reason = z.enum(REVOCATION_REASONS).default('unspecified');
const schemas = {
  token: z.strictObject({
    ...grant,
    ttl: z.string().max(16).default('1h'),
    legacy: z.boolean().default(false),
  }),
  approval: z.strictObject(grant),
  nothing: z.strictObject({}),
  revocation: z.union([
    z.strictObject({ name: z.string().max(64), reason }),
    z.strictObject({ serial: z.string().regex(/^[0-9a-f]{1,40}$/), reason }),
  ]),
} as const;

const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: /^\/tokens$/,
    perform: (orders, { body, by }) => created(orders.makeToken(readTokenRequest(body), by)),
  },
  {
    method: 'GET',
    path: /^\/enrolments$/,
    perform: (orders) =>
      ok({ enrolments: orders.enrolments().map(({ publicKey: _key, ...shown }) => shown) }),
  },
  {
    method: 'POST',
    path: /^\/enrolments\/([0-9a-f]{1,32})\/approve$/,
    async perform(orders, { body, id, by }) {
      const { serial, name, role } = await orders.approve(id, read(schemas.approval, body), by);
      return ok({ serial, name, role });
    },
  },
  {
    method: 'POST',
    path: /^\/enrolments\/([0-9a-f]{1,32})\/reject$/,
    perform(orders, { body, id, by }) {
      read(schemas.nothing, body);
      orders.reject(id, by);
      return ok({});
    },
  },
  {
    method: 'POST',
    path: /^\/revocations$/,
    perform(orders, { body, by }) {
      const { reason: why, ...what } = read(schemas.revocation, body);
      return ok(orders.revoke(what, why, by));
    },
  },
  {
    method: 'POST',
    path: /^\/reset-epoch$/,
    async perform(orders, { body, by }) {
      read(schemas.nothing, body);
      return ok({ generation: await orders.resetEpoch(by) });
    },
  },
];

export async function startAdminService(parts: {
  readonly host: string;
  readonly port: number;
  readonly authority: Authority;
  readonly identity: { readonly key: KeyObject; readonly certificate: Certificate };
  readonly orders: Orders;
  /** For the metrics. */
  readonly observe: (status: number) => void;
  readonly certificates: Pick<CertificateStore, 'isStanding'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Log;
}): Promise<HttpService> {
  const { authority, identity, orders, observe, certificates, clock, random, log } = parts;

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { name: by } = checkAdmin(request);
    const { url = '', method } = request;
    const matching = ROUTES.filter(({ path }) => path.test(url));
    if (matching.length === 0)
      return notServed(404, 'there are /tokens, /enrolments, /revocations and /reset-epoch');
    const route = matching.find((one) => one.method === method);
    if (!route) return notServed(405, matching.map((one) => one.method).join(' or '));
    const body = await readBody(request, MAX_BODY);
    // It may have taken its time: a revocation meanwhile counts.
    checkAdmin(request);
    return route.perform(orders, { body, id: route.path.exec(url)?.[1] ?? '', by });
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
      ...HTTPS_LIMITS,
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
        .then((given) => {
          observe(given.status);
          const { method, url: path } = request;
          log.info({ id: requestIn(request), method, path, status: given.status }, 'order answered');
          send(request, response, given);
        })
        .catch((error: unknown) => log.error({ err: error }, 'admin service'));
    },
  );
  server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
    log.debug({ code: error.code }, 'TLS client refused'),
  );
  return listen(server, {
    what: 'admin',
    host: parts.host,
    port: parts.port,
    maxConnections: MAX_CONNECTIONS,
  });
}

/** Under which whoever ordered logs it; nothing but an id of ours gets into the log. */
function requestIn({ headers }: IncomingMessage): string | undefined {
  const said = headers['mom4c-request'];
  return typeof said === 'string' && isUuidv7(said) ? said : undefined;
}

const ok = (body: object): Answer => ({ status: 200, body });
const created = (body: object): Answer => ({ status: 201, body });
const notServed = (status: number, detail: string): Answer => ({
  status,
  body: { code: 'M4C_UNKNOWN_COMMAND', detail },
});

export const readTokenRequest = (octets: Buffer): z.output<typeof schemas.token> =>
  read(schemas.token, octets);

/** @throws Mom4cError M4C_BAD_ARGUMENTS */
function read<Schema extends z.ZodType>(schema: Schema, octets: Buffer): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(octets.toString('utf8'));
  } catch {
    throw new Mom4cError('M4C_BAD_ARGUMENTS', 'not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  throw new Mom4cError('M4C_BAD_ARGUMENTS', faults.join('; '));
}

function statusOf({ code, entry }: Mom4cError): number {
  if (code === 'M4C_TOO_LARGE') return 413;
  if (code === 'M4C_INTERNAL') return 500;
  if (code === 'M4C_ENROLMENT_UNKNOWN') return 404;
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
