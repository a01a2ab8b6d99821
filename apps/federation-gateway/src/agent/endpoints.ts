/**
 * The HTTPS endpoints of the authentication agent: start of a log-in, way back from the discovery service, assertion
 * consumer, metadata. Nothing that a client sends is sent back.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { type Clock, type Log, Mom4cError, uuidv7, type Random } from '@mom4c/core';
import { HTTPS_LIMITS, type HttpService, listen } from '@mom4c/runtime';
import { type AgentUrls, PAOS_MEDIA_TYPE } from '@mom4c/saml';
import { createAddressRate, networkOf } from './address-rate.ts';
import type { RelyingParty, StartAnswer } from './relying-party.ts';

/** PEM. */
export type ServerCredentials = { readonly cert: string; readonly key: string };

export type EndpointSettings = {
  readonly host: string;
  readonly port: number;
  readonly credentials: ServerCredentials;
  /** Only their paths count here. */
  readonly urls: AgentUrls;
  readonly relyingParty: Pick<RelyingParty, 'start' | 'discovered' | 'consume'>;
  /** Our own entity descriptor, as XML. */
  readonly metadata: () => string;
  readonly onRefused: (error: Mom4cError, from: string) => void;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
};

export type Endpoints = HttpService & { useCredentials(credentials: ServerCredentials): void };

type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};
type Route = {
  readonly method: 'GET' | 'POST';
  readonly type?: string;
  answer(request: {
    readonly url: URL;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }): Answer;
};

const MAX_BODY_OCTETS = 256 * 1024;
const MAX_URL_CHARACTERS = 2048;
const MAX_CONNECTIONS = 200;
/** Or of a network of IPv6. */
const MAX_CONNECTIONS_OF_ADDRESS = 50;
/** In tokens of the rate: SAML is parsed on the thread of the links. */
const REFUSED_POST_COST = 10;
const HANDLE = /^[A-Za-z0-9_-]{43}$/;
const FORM_TYPE = 'application/x-www-form-urlencoded';
const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
} as const;

/** Refusals that are about HTTP, not about SAML. */
class HttpRefusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, headers: Readonly<Record<string, string>> = {}) {
    super(`HTTP ${status}`);
    this.status = status;
    this.headers = headers;
  }
}

/** @throws Mom4cError M4C_CONFIG if it cannot listen there */
export async function serveEndpoints(settings: EndpointSettings): Promise<Endpoints> {
  const { host, port, credentials, onRefused, log, clock, random } = settings;
  const routeOf = routes(settings);
  const rate = createAddressRate(clock);

  async function answerTo(request: IncomingMessage): Promise<Answer> {
    const address = addressOf(request.socket);
    const cost = request.method === 'GET' ? 1 : REFUSED_POST_COST;
    if (!rate.admits(address, cost)) throw new HttpRefusal(429, { 'retry-after': '5' });
    const url = urlOf(request);
    const route = routeOf(url);
    if (request.method !== route.method) throw new HttpRefusal(405, { allow: route.method });
    if (route.type !== undefined && typeOf(request) !== route.type) throw new HttpRefusal(415);
    const answer = route.answer({ url, headers: request.headers, body: await readBody(request) });
    rate.giveBack(address, cost - 1);
    return answer;
  }

  function refusal(thrown: unknown, from: string): Answer {
    if (thrown instanceof HttpRefusal) return { status: thrown.status, headers: thrown.headers };
    if (thrown instanceof Mom4cError) {
      onRefused(thrown, from);
      return { status: thrown.retryable ? 503 : 403, headers: TEXT, body: `${thrown.code}\n` };
    }
    const correlation = uuidv7(clock, random);
    log.error({ err: thrown, correlation }, 'bug');
    return { status: 500, headers: TEXT, body: `M4C_INTERNAL ${correlation}\n` };
  }

  const server = createServer(
    { ...HTTPS_LIMITS, minVersion: 'TLSv1.3', ...credentials },
    (request, response) => {
      answerTo(request)
        .catch((thrown: unknown) => refusal(thrown, addressOf(request.socket)))
        .then((answer) => send(response, answer))
        .catch((error: unknown) => {
          log.debug({ err: error }, 'authentication agent: answer not sent');
          response.destroy();
        });
    },
  );
  server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
    log.debug({ code: error.code }, 'authentication agent: TLS client refused'),
  );
  shareConnections(server);
  const service = await listen(server, { what: 'agent', host, port, maxConnections: MAX_CONNECTIONS });
  return {
    ...service,
    useCredentials: (fresh) => server.setSecureContext({ minVersion: 'TLSv1.3', ...fresh }),
  };
}

function routes({ urls, relyingParty, metadata }: EndpointSettings): (url: URL) => Route {
  const pathOf = (url: string): string => new URL(url).pathname;
  const startPath = pathOf(urls.agentUrl);
  const fixed = new Map<string, Route>([
    [
      pathOf(urls.discoveryUrl),
      {
        method: 'GET',
        answer({ url }) {
          const query = fieldsOf(url.search.slice(1), ['handle', 'entityID']);
          return startAnswer(relyingParty.discovered(handleOf(query.handle), query.entityID));
        },
      },
    ],
    [
      pathOf(urls.consumerUrls.post),
      {
        method: 'POST',
        type: FORM_TYPE,
        answer({ body }) {
          const { SAMLResponse, RelayState } = fieldsOf(body, ['SAMLResponse', 'RelayState']);
          const text = decodeBase64(SAMLResponse);
          relyingParty.consume({ binding: 'post', text, relayState: RelayState });
          return { status: 200, headers: TEXT, body: 'ok\n' };
        },
      },
    ],
    [
      pathOf(urls.consumerUrls.paos),
      {
        method: 'POST',
        type: PAOS_MEDIA_TYPE,
        answer({ body }) {
          relyingParty.consume({ binding: 'paos', text: body, relayState: undefined });
          return { status: 200, headers: TEXT, body: 'ok\n' };
        },
      },
    ],
    [
      pathOf(urls.entityId),
      {
        method: 'GET',
        answer: () => ({
          status: 200,
          headers: { 'content-type': 'application/samlmetadata+xml' },
          body: metadata(),
        }),
      },
    ],
  ]);
  const start: Route = {
    method: 'GET',
    answer({ url, headers }) {
      if (url.search !== '') throw new HttpRefusal(400);
      const handle = handleOf(url.pathname.slice(startPath.length));
      return startAnswer(relyingParty.start(handle, wantsPaos(headers) ? 'paos' : 'post'));
    },
  };
  return (url) => {
    const route = fixed.get(url.pathname) ?? (url.pathname.startsWith(startPath) ? start : undefined);
    if (!route) throw new HttpRefusal(404);
    return route;
  };
}

function startAnswer(answer: StartAnswer): Answer {
  return 'paos' in answer
    ? { status: 200, headers: { 'content-type': PAOS_MEDIA_TYPE }, body: answer.paos }
    : { status: 302, headers: { location: answer.redirect } };
}

/** SAML profiles §4.2.3.1: the header field is in the list of what the client takes. */
function wantsPaos({ accept = '', paos }: IncomingMessage['headers']): boolean {
  return (
    paos !== undefined && accept.split(',').some((type) => type.split(';')[0]!.trim() === PAOS_MEDIA_TYPE)
  );
}

function handleOf(text: string | undefined): string {
  if (text === undefined || !HANDLE.test(text)) throw new HttpRefusal(404);
  return text;
}

/** Each at most once, and no other. */
function fieldsOf<Name extends string>(text: string, names: readonly Name[]): Partial<Record<Name, string>> {
  const fields: Partial<Record<Name, string>> = {};
  if (text === '') return fields;
  for (const pair of text.split('&')) {
    const at = pair.indexOf('=');
    const name = names.find((known) => known === decodeField(pair.slice(0, at)));
    if (at < 0 || name === undefined || name in fields) throw new HttpRefusal(400);
    fields[name] = decodeField(pair.slice(at + 1));
  }
  return fields;
}

function decodeField(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new HttpRefusal(400);
  }
}

function decodeBase64(text: string | undefined): string {
  const packed = text?.replace(/[\r\n]/g, '') ?? '';
  if (packed === '' || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed))
    throw new HttpRefusal(400);
  return utf8(Buffer.from(packed, 'base64'));
}

function utf8(octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new HttpRefusal(400);
  }
}

/** Origin-form only (RFC 9112 §3.2.1), and as it is, not as a browser would mend it. */
function urlOf({ url = '' }: IncomingMessage): URL {
  const parsed = url.length <= MAX_URL_CHARACTERS ? URL.parse(`https://agent.invalid${url}`) : null;
  if (!parsed || !url.startsWith('/') || `${parsed.pathname}${parsed.search}` !== url)
    throw new HttpRefusal(400);
  return parsed;
}

function typeOf({ headers }: IncomingMessage): string {
  return (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

async function readBody(request: IncomingMessage): Promise<string> {
  const { 'content-length': length = '0', 'content-encoding': encoding } = request.headers;
  if (encoding !== undefined) throw new HttpRefusal(415);
  if (request.method === 'GET' && (length !== '0' || 'transfer-encoding' in request.headers))
    throw new HttpRefusal(400);
  if (Number(length) > MAX_BODY_OCTETS) throw new HttpRefusal(413);
  const parts: Buffer[] = [];
  let octets = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    octets += part.length;
    if (octets > MAX_BODY_OCTETS) throw new HttpRefusal(413);
    parts.push(part);
  }
  return utf8(Buffer.concat(parts));
}

function send(response: ServerResponse, { status, headers, body = '' }: Answer): void {
  // What was refused before it was read whole is not read any more.
  const end = status === 413 || status === 429 ? { connection: 'close' } : {};
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    ...headers,
    ...end,
    'content-length': String(Buffer.byteLength(body)),
  });
  response.end(body);
}

/** Nobody takes all the connections there are. */
function shareConnections(server: Server): void {
  const held = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = networkOf(addressOf(socket));
    const count = held.get(address) ?? 0;
    if (count >= MAX_CONNECTIONS_OF_ADDRESS) return void socket.destroy();
    held.set(address, count + 1);
    socket.once('close', () => {
      const left = (held.get(address) ?? 1) - 1;
      if (left === 0) held.delete(address);
      else held.set(address, left);
    });
  });
}

function addressOf({ remoteAddress }: Socket): string {
  return remoteAddress ?? 'unknown';
}
