/** SCEP over HTTP (RFC 8894 §4), the client's side: bounded in time and size, led nowhere else. */
import type { IncomingMessage } from 'node:http';
import { Mom4cError } from '@mom4c/core';
import { MAX_CRL_OCTETS } from './scep-message.ts';

const REQUEST_LIMIT_MS = 20_000;

/** @throws Mom4cError M4C_CA_UNREACHABLE, M4C_CA_REFUSED */
export async function exchange(
  url: string,
  operation: 'GetCACert' | 'PKIOperation',
  body: Buffer | undefined,
  signal: AbortSignal,
): Promise<Buffer> {
  const target = new URL(url);
  target.searchParams.set('operation', operation);
  const { status, octets } = await answerOf(target, body, MAX_CRL_OCTETS, signal);
  if (status >= 200 && status < 300) return octets;
  throw refusal(status);
}

/** What the authority serves at another path, in the place of the last part of that of SCEP.
 *  @returns undefined if there is none @throws Mom4cError M4C_CA_UNREACHABLE, M4C_CA_REFUSED */
export async function getBeside(
  url: string,
  name: string,
  maxOctets: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const { status, octets } = await answerOf(new URL(name, url), undefined, maxOctets, signal);
  if (status === 200) return octets;
  if (status === 404) return undefined;
  throw refusal(status);
}

/** A redirect is not followed: it would lead to a place that nobody configured. It may pass. */
function refusal(status: number): Mom4cError {
  const refused = status >= 400 && status < 500 && status !== 429;
  return new Mom4cError(refused ? 'M4C_CA_REFUSED' : 'M4C_CA_UNREACHABLE', `HTTP status ${status}`);
}

async function answerOf(
  target: URL,
  body: Buffer | undefined,
  maxOctets: number,
  signal: AbortSignal,
): Promise<{ status: number; octets: Buffer }> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_LIMIT_MS)]);
    const response = await ask(target, body, limit);
    return { octets: await readBounded(response, maxOctets), status: response.statusCode! };
  } catch (error) {
    if (error instanceof Mom4cError) throw error;
    throw new Mom4cError('M4C_CA_UNREACHABLE', target.host, { cause: error });
  }
}

/** Not by `fetch`: loading its library takes a twentieth of the start of a node. */
async function ask(target: URL, body: Buffer | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  const { request } = process.getBuiltinModule(target.protocol === 'https:' ? 'node:https' : 'node:http');
  const options = {
    agent: false,
    signal,
    ...(body && { method: 'POST', headers: { 'content-type': 'application/x-pki-message' } }),
  };
  return new Promise((resolve, reject) => {
    // Stays there: what breaks off later is told by the response as well.
    request(target, options, resolve).on('error', reject).end(body);
  });
}

async function readBounded(response: IncomingMessage, maxOctets: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxOctets) throw new Mom4cError('M4C_CA_REFUSED', 'the answer is too large');
    parts.push(part);
  }
  return Buffer.concat(parts);
}
