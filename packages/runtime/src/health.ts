import type { Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { Mom4cError, type Log } from '@mom4c/core';
import { createHttpServer, HTTP_LIMITS, HTTPS_LIMITS, listen } from './http-server.ts';
import type { HttpService } from './http-server.ts';
import type { Metrics } from './metrics.ts';

export type CheckResult = { ok: boolean; detail?: string };
/** Bounded at two seconds; a throw or silence counts as not ok. */
export type HealthCheck = () => CheckResult | Promise<CheckResult>;

/** Mutual TLS 1.3. PEM. */
export type HealthTls = {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Is it somebody who may look? TLS has verified that `ca` has issued it. @param der of the client's certificate */
  readonly admits: (der: Uint8Array) => boolean;
};

const CHECK_LIMIT_MS = 2000;
const HEADER_LIMIT = { maxHeaderSize: 8192 };
const MAX_CONNECTIONS = 16;

/**
 * - `/livez`: 200 as long as the process answers;
 * - `/readyz`, also `/healthz`: 200 or 503 with `{ok, checks: {name: {ok, detail?}}}`;
 * - `/metrics`: Prometheus text.
 * @param options.tls without it the address must be one of the loopback interface, which the configuration checks
 * @throws Mom4cError M4C_CONFIG if the address cannot be listened on
 */
export async function startHealthServer(options: {
  host: string;
  port: number;
  tls?: HealthTls | undefined;
  /** Read at each request, so that an app may add to it. */
  checks: ReadonlyMap<string, HealthCheck>;
  metrics: Metrics;
  log: Log;
}): Promise<HttpService> {
  const { host, tls, checks, metrics, log } = options;
  const answer = async (url: string | undefined, response: ServerResponse): Promise<void> => {
    if (url === '/livez') sendJson(response, 200, { ok: true });
    else if (url === '/healthz' || url === '/readyz') await answerHealth(checks, response);
    else if (url === '/metrics') await answerMetrics(metrics, response);
    else response.writeHead(404).end();
  };
  const server = createServer(tls, (request, response) => {
    const shown = request.socket instanceof TLSSocket ? request.socket.getPeerX509Certificate() : undefined;
    if (tls && !(shown && tls.admits(shown.raw))) return void response.writeHead(403).end();
    answer(request.method === 'GET' ? request.url : undefined, response).catch((error: unknown) => {
      log.error({ err: error }, 'health server');
      response.destroy();
    });
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
    log.debug({ code: error.code }, 'health server: TLS client refused'),
  );
  return listen(server, { what: 'health', host, port: options.port, maxConnections: MAX_CONNECTIONS });
}

function createServer(
  tls: HealthTls | undefined,
  handler: Parameters<typeof createHttpServer>[1] & {},
): Server {
  if (!tls) return createHttpServer({ ...HTTP_LIMITS, ...HEADER_LIMIT }, handler);
  const { ca, cert, key } = tls;
  const mutual = { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' } as const;
  return createHttpsServer({ ...HTTPS_LIMITS, ...HEADER_LIMIT, ...mutual, ca, cert, key }, handler);
}

async function answerHealth(
  checks: ReadonlyMap<string, HealthCheck>,
  response: ServerResponse,
): Promise<void> {
  const results = await Promise.all(
    [...checks].map(async ([name, check]) => [name, await runCheck(check)] as const),
  );
  const ok = results.every(([, result]) => result.ok);
  sendJson(response, ok ? 200 : 503, { ok, checks: Object.fromEntries(results) });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

async function runCheck(check: HealthCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, detail: 'no answer in time' }), CHECK_LIMIT_MS);
  });
  try {
    return await Promise.race([Promise.resolve().then(check), late]);
  } catch (error) {
    return { ok: false, detail: error instanceof Mom4cError ? error.code : 'the check failed' };
  } finally {
    clearTimeout(timer);
  }
}

async function answerMetrics(metrics: Metrics, response: ServerResponse): Promise<void> {
  const text = await metrics.text();
  response.writeHead(200, { 'content-type': metrics.contentType });
  response.end(text);
}
