/** What both services need of HTTP beside the bounds of all. */
import type { IncomingMessage } from 'node:http';
import { Mom4cError } from '@mom4c/core';

/** Connections to each of both services. */
export const MAX_CONNECTIONS = 200;

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
