/** What every HTTP service needs: bounds in time, size and number, and the end of every connection at stop. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Mom4cError } from '@mom4c/core';

/** Of node:http. An `import` of it reads all that it has, and so loads its WebSocket: 50 ms at the start of each process. */
export const { createServer: createHttpServer, request: requestHttp } = process.getBuiltinModule('node:http');

export type HttpService = { readonly host: string; readonly port: number; stop(): Promise<void> };

/** For `createHttpServer`. A SCEP request by GET travels in the request line, hence the size of the header. */
export const HTTP_LIMITS = {
  maxHeaderSize: 32_768,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const;

/** For `createServer` of node:https: the limits above begin after the handshake only, which Node lets take two minutes. */
export const HTTPS_LIMITS = { ...HTTP_LIMITS, handshakeTimeout: 5_000 } as const;

/** @throws Mom4cError M4C_CONFIG if it cannot listen there */
export async function listen(
  server: Server,
  at: { what: string; host: string; port: number; maxConnections: number },
): Promise<HttpService> {
  const { what, host, port, maxConnections } = at;
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Mom4cError('M4C_CONFIG', `${what}: cannot listen on ${host} port ${port} (${error.code})`, {
          cause: error,
        }),
      ),
    );
    server.listen(port, host, () => resolve());
  });
  return {
    host,
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
