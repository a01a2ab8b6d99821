/** SCEP (RFC 8894 §4), the revocation list and the generation of epochs over HTTP. Plain HTTP, since every message is signed and what
 *  is secret in it is encrypted. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Mom4cError } from '@mom4c/core';
import type { Clock, Log } from '@mom4c/core';
import { answerScep, SCEP_CAPABILITIES } from '@mom4c/pki';
import type { ScepAuthority, ScepPolicy } from '@mom4c/pki';
import { createHttpServer, HTTP_LIMITS, listen } from '@mom4c/runtime';
import type { HttpService } from '@mom4c/runtime';
import { FailureLimit } from './failure-limit.ts';
import type { Generation } from './generation.ts';
import { MAX_CONNECTIONS, readBody } from './http.ts';
import type { RevocationList } from './revocation-list.ts';
import { readScepQuery } from './scep-query.ts';

type Answer = { readonly status: number; readonly type: string; readonly body: string | Uint8Array };

const MAX_BODY = 65_536;
const TEXT = 'text/plain; charset=utf-8';

export async function startScepService(parts: {
  readonly host: string;
  readonly port: number;
  readonly own: ScepAuthority;
  /** What is decided for whoever asks from that address. */
  readonly policyFor: (remote: string) => ScepPolicy;
  readonly revocationList: RevocationList;
  readonly generation: Pick<Generation, 'current'>;
  /** For the metrics. @param result `ok`, or the failInfo of RFC 8894 §3.2.1.4.5 */
  readonly observe: (messageType: string, result: string) => void;
  /** Something may have been issued. */
  readonly onAnswered: () => void;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<HttpService> {
  const { own, policyFor, revocationList, generation, observe, onAnswered, clock, log } = parts;
  const limit = new FailureLimit(clock);

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const query = readScepQuery(request.url ?? '/');
    if (request.method !== 'GET' && request.method !== 'POST') return text(405, 'GET and POST only');
    if (query.path === '/crl')
      return { status: 200, type: 'application/pkix-crl', body: await revocationList.current() };
    if (query.path === '/generation') return generationNow();
    if (query.path !== '/scep') return text(404, 'there are /scep, /crl and /generation');
    switch (query.operation) {
      case 'GetCACaps':
        return text(200, SCEP_CAPABILITIES);
      case 'GetCACert':
        return { status: 200, type: 'application/x-x509-ca-cert', body: own.authority.der };
      case 'GetNextCACert':
        return text(404, 'this authority has no successor yet');
      case 'PKIOperation':
        return operate(request, query.message);
      default:
        return text(400, 'operation must be GetCACaps, GetCACert, GetNextCACert or PKIOperation');
    }
  };

  const generationNow = (): Answer => {
    const stated = generation.current();
    if (!stated) return text(404, 'it is the first');
    return { status: 200, type: 'application/cms', body: stated.octets };
  };

  const operate = async (request: IncomingMessage, inQuery: Buffer): Promise<Answer> => {
    const remote = request.socket.remoteAddress ?? '';
    if (limit.isBlocked(remote)) return text(429, 'too many failures');
    const octets = request.method === 'POST' ? await readBody(request, MAX_BODY) : inQuery;
    try {
      const answered = await answerScep(octets, own, policyFor(remote));
      const { reply, fault, transactionId, messageType, algorithms } = answered;
      const asked = { messageType, algorithms, transactionId, remote, method: request.method };
      observe(messageType, fault?.failInfo ?? 'ok');
      if (fault) {
        limit.fail(remote);
        const { failInfo, text: code, message: reason } = fault;
        log.warn({ audit: 'refused', ...asked, failInfo, code, reason }, 'enrolment refused');
      } else {
        log.info(asked, 'SCEP request answered');
        onAnswered();
      }
      return { status: 200, type: 'application/x-pki-message', body: reply };
    } catch (error) {
      if (error instanceof Mom4cError) {
        limit.fail(remote);
        const { code, detail } = error;
        log.warn({ audit: 'refused', remote, method: request.method, code, detail }, 'no SCEP message');
      }
      throw error;
    }
  };

  const server = createHttpServer(HTTP_LIMITS, (request, response) => {
    answer(request)
      .catch((error: unknown) => answerError(error, log))
      .then((given) => send(request, response, given))
      .catch((error: unknown) => log.error({ err: error }, 'SCEP service'));
  });
  return listen(server, {
    what: 'scep',
    host: parts.host,
    port: parts.port,
    maxConnections: MAX_CONNECTIONS,
  });
}

function text(status: number, body: string): Answer {
  return { status, type: TEXT, body };
}

function answerError(error: unknown, log: Log): Answer {
  if (error instanceof Mom4cError && error.code === 'M4C_TOO_LARGE') return text(413, error.code);
  if (error instanceof Mom4cError && error.code === 'M4C_MALFORMED') return text(400, error.code);
  log.error({ err: error }, 'SCEP request failed');
  return text(500, 'M4C_INTERNAL');
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  // A body that was not read to its end would be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
