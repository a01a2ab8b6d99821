/** Orders to the certificate authority, over mutual TLS. Errors are those of its answer, or M4C_CA_UNREACHABLE. */
import { request as httpsRequest } from 'node:https';
import { Mom4cError, isErrorCode } from '@mom4c/core';
import type * as z from 'zod';
import { withMember } from './connection.ts';
import { loadProfile } from './profile.ts';
import type { ProfileOptions } from './profile.ts';

export type OrderOptions = ProfileOptions & { verbose?: boolean };

/**
 * @param path of the admin service, as `/tokens` @param body JSON; without one it is a GET
 * @returns what it answers, which nobody has checked yet
 */
export async function order(options: OrderOptions, path: string, body?: object): Promise<unknown> {
  const settings = await loadProfile(options);
  const url = settings.admin?.url;
  if (url === undefined) throw new Mom4cError('M4C_CONFIG', 'admin.url: needed to give orders');
  return withMember(settings, options.verbose ?? false, async ({ tls, log, newId }) => {
    const id = newId();
    log.info({ id, path }, 'ordering');
    const answer = await send(new URL(path, url), { tls, id }, body);
    log.info({ id, path }, 'ordered');
    return answer;
  });
}

/** @throws Mom4cError M4C_CA_REFUSED if the answer is not of that shape */
export function readAnswer<Shape extends z.ZodType>(shape: Shape, answer: unknown): z.output<Shape> {
  const parsed = shape.safeParse(answer);
  if (!parsed.success)
    throw new Mom4cError('M4C_CA_REFUSED', 'its answer is not to be understood', { cause: parsed.error });
  return parsed.data;
}

type Tls = { ca: string; cert: string; key: string };
const LIMIT_MS = 15_000;
/** Ten thousand enrolments with subjects of the usual length. */
const MAX_ANSWER = 8 * 1024 * 1024;

/** @param id under which the authority logs the order */
function send(url: URL, { tls, id }: { tls: Tls; id: string }, body: object | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: Error): void =>
      reject(new Mom4cError('M4C_CA_UNREACHABLE', cause.message, { cause }));
    const headers = { 'content-type': 'application/json', 'mom4c-request': id };
    const method = body === undefined ? 'GET' : 'POST';
    const options = { method, headers, ...tls, minVersion: 'TLSv1.3', agent: false } as const;
    const request = httpsRequest(url, { ...options, signal: AbortSignal.timeout(LIMIT_MS) }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', unreachable);
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER) response.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        const answer = parseJson(Buffer.concat(chunks).toString());
        if (response.statusCode === 200 || response.statusCode === 201) resolve(answer);
        else reject(errorIn(answer, response.statusCode));
      });
    });
    request.on('error', unreachable);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorIn(answer: unknown, status: number | undefined): Mom4cError {
  const { code, detail } = (answer ?? {}) as { code?: unknown; detail?: unknown };
  if (!isErrorCode(code)) return new Mom4cError('M4C_CA_REFUSED', `HTTP ${status}`);
  return new Mom4cError(code, typeof detail === 'string' ? detail : undefined);
}
