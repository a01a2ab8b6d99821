/** What both services need of HTTP: bounds, and the end of every connection at stop. */
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Mom4cError } from '@mom4c/core';

export type HttpService = { readonly port: number; stop(): Promise<void> };

/** For `createServer`. A SCEP request by GET travels in the request line, hence the size of the header. */
export const HTTP_LIMITS = {
  maxHeaderSize: 32_768,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const;
const MAX_CONNECTIONS = 200;

/** @throws Mom4cError M4C_CONFIG if it cannot listen there */
export async function listen(server: Server, what: string, host: string, port: number): Promise<HttpService> {
  server.maxConnections = MAX_CONNECTIONS;
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
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** @throws Mom4cError M4C_TOO_LARGE */
export async function readBody(request: IncomingMessage, maxOctets: number): Promise<Buffer> {
  const tooLarge = (): Mom4cError => new Mom4cError('M4C_TOO_LARGE', `more than ${maxOctets} octets`);
  if (Number(request.headers['content-length'] ?? 0) > maxOctets) throw tooLarge();
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxOctets) throw tooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}
