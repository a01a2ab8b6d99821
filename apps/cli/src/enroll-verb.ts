/** `mom4c enroll …`: orders to the certificate authority, over mutual TLS. */
import { request as httpsRequest } from 'node:https';
import { Command as Verb, Option } from 'commander';
import * as z from 'zod';
import { Mom4cError, ROLES, isErrorCode, isNodeName } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import { withMember } from './connection.ts';
import { loadProfile } from './profile.ts';

type Options = { name: string; role: Role; ttl: string; state?: string; domain?: string; verbose?: boolean };

export function enrollVerb(): Verb {
  const enroll = new Verb('enroll').description('Let nodes and people into the domain.');
  const token = enroll
    .command('token')
    .description(
      'Make a one-time token for the first start of a node. It is the last line of the output, alone; put it into the ' +
        'token file of the node. It is stored hashed, and works once, for this name and role only.',
    )
    .addOption(new Option('--name <name>', 'name of the node or person').makeOptionMandatory())
    .addOption(new Option('--role <role>', 'what it may be').choices(TOKEN_ROLES).makeOptionMandatory())
    .addOption(new Option('--ttl <duration>', 'how long the token is good').default('1h'))
    .exitOverride();
  token.action(() => makeToken(token.optsWithGlobals<Options>()));
  return enroll;
}

const TOKEN_ROLES = ROLES.filter((role) => role !== 'ca' && role !== 'server');

async function makeToken(options: Options): Promise<void> {
  const { name, role, ttl } = options;
  if (!isNodeName(name))
    throw new Mom4cError('M4C_USAGE', `--name: not a name: ${JSON.stringify(name.slice(0, 80))}`);
  const settings = await loadProfile(options);
  const url = settings.admin?.url;
  if (url === undefined) throw new Mom4cError('M4C_CONFIG', 'admin.url: needed to make tokens');
  const answer = await withMember(settings, options.verbose ?? false, ({ tls }) =>
    post(new URL('/tokens', url), tls, { name, role, ttl }),
  );
  const made = z
    .object({
      token: z.string().regex(/^[\w-]{16,200}$/),
      expires: z.union([z.string().max(40), z.number()]),
    })
    .parse(answer);
  process.stderr.write(`for ${name} (${role}), once, until ${new Date(made.expires).toISOString()}\n`);
  process.stdout.write(`${made.token}\n`);
}

type Tls = { ca: string; cert: string; key: string };
const LIMIT_MS = 15_000;
const MAX_ANSWER = 64 * 1024;

/** @throws Mom4cError what the authority answers; M4C_CA_UNREACHABLE */
function post(url: URL, tls: Tls, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: Error): void =>
      reject(new Mom4cError('M4C_CA_UNREACHABLE', cause.message, { cause }));
    const headers = { 'content-type': 'application/json' };
    const options = { method: 'POST', headers, ...tls, minVersion: 'TLSv1.3', agent: false } as const;
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
    request.end(JSON.stringify(body));
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
