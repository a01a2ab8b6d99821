/** In the place of a partner's authentication agent, with its address and certificate: answers whatever a test likes. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { Issued } from './openssl-authority.ts';

export type HandMadeAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type HandMadeAgent = {
  /** Request lines, `GET /path`. */
  readonly seen: readonly string[];
  /** Connections, whether they said anything or not. */
  readonly connections: number;
  answer: (request: IncomingMessage) => HandMadeAnswer;
  stop(): Promise<void>;
};

export async function startHandMadeAgent(url: string, { cert, key }: Issued): Promise<HandMadeAgent> {
  const seen: string[] = [];
  let connections = 0;
  const server = createServer({ cert, key }, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.resume();
    const { status, headers, body } = agent.answer(request);
    response.writeHead(status, { connection: 'close', ...headers }).end(body);
  });
  server.on('connection', () => (connections += 1));
  server.listen(Number(new URL(url).port), '127.0.0.1');
  await once(server, 'listening');
  const agent: HandMadeAgent = {
    seen,
    get connections() {
      return connections;
    },
    answer: () => ({ status: 404 }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return agent;
}
