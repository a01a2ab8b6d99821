import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Mom4cError, type Log } from '@mom4c/core';
import type { Metrics } from './metrics.ts';

export type CheckResult = { ok: boolean; detail?: string };
/** Bounded at two seconds; a throw or silence counts as not ok. */
export type HealthCheck = () => CheckResult | Promise<CheckResult>;

export type HealthServer = { readonly host: string; readonly port: number; stop(): Promise<void> };

const CHECK_LIMIT_MS = 2000;
const REQUEST_LIMIT_MS = 5000;

/**
 * `/healthz`: 200 or 503 with `{ok, checks: {name: {ok, detail?}}}`; `/metrics`: Prometheus text.
 * @param checks read at each request, so that an app may add to it
 * @throws Mom4cError M4C_CONFIG if the address cannot be listened on
 */
export async function startHealthServer(options: {
  host: string;
  port: number;
  checks: ReadonlyMap<string, HealthCheck>;
  metrics: Metrics;
  log: Log;
}): Promise<HealthServer> {
  const { host, checks, metrics, log } = options;
  const answer = async (url: string | undefined, response: ServerResponse): Promise<void> => {
    if (url === '/healthz') await answerHealth(checks, response);
    else if (url === '/metrics') await answerMetrics(metrics, response);
    else response.writeHead(404).end();
  };
  const server = createServer(
    { requestTimeout: REQUEST_LIMIT_MS, maxHeaderSize: 8192 },
    (request, response) => {
      answer(request.method === 'GET' ? request.url : undefined, response).catch((error: unknown) => {
        log.error({ err: error }, 'health server');
        response.destroy();
      });
    },
  );
  server.maxConnections = 16;
  await listen(server, host, options.port);
  return { host, port: (server.address() as AddressInfo).port, stop: () => close(server) };
}

async function answerHealth(
  checks: ReadonlyMap<string, HealthCheck>,
  response: ServerResponse,
): Promise<void> {
  const results = await Promise.all(
    [...checks].map(async ([name, check]) => [name, await runCheck(check)] as const),
  );
  const ok = results.every(([, result]) => result.ok);
  response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ ok, checks: Object.fromEntries(results) })}\n`);
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

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Mom4cError('M4C_CONFIG', `health: cannot listen on ${host} port ${port} (${error.code})`, {
          cause: error,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
