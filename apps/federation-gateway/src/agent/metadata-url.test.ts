// Mutations seen red: a redirect taken as an answer; no limit of octets; no limit of time; the certificate, or its name, not
// verified.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog, systemRandom } from '@mom4c/core';
import { signMetadata } from '@mom4c/saml';
import { fakeClock, isError } from '../test-fakes.ts';
import { type FederationSource, followFederation } from './federation-metadata.ts';
import { createHttpsClient } from './https-client.ts';

const HOUR = 3_600_000;
const { signal } = new AbortController();

/** A web server for `localhost`, and the metadata that it has. */
async function setUp(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-metadata-url-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const pair = (name: string): { key: string; cert: string } => {
    const file = (suffix: string): string => join(folder, `${name}.${suffix}`);
    const form = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
    const san = ['-addext', 'subjectAltName=DNS:localhost'];
    execFileSync('openssl', [...form, ...san, '-keyout', file('key'), '-out', file('pem')], {
      stdio: 'pipe',
    });
    return { key: readFileSync(file('key'), 'utf8'), cert: readFileSync(file('pem'), 'utf8') };
  };
  const [web, stranger, operator] = [pair('web'), pair('stranger'), pair('operator')];
  const clock = fakeClock();
  let edition = 0;
  const metadata = (): string =>
    signMetadata(
      {
        ...{ name: 'f.test', id: `_${(edition += 1)}`, entities: [] },
        ...{ validUntil: clock.now() + 2 * HOUR, createdAt: clock.now() },
      },
      { key: operator.key, certificate: operator.cert },
    );
  const seen: string[] = [];
  const served = { answer: (response: ServerResponse): void => void response.end(metadata()) };
  const server = createServer(web, (request: IncomingMessage, response) => {
    seen.push(`${request.method} ${request.url}`);
    served.answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  async function open({ host = 'localhost', ca = web.cert } = {}): Promise<FederationSource> {
    const source = await followFederation({
      source: {
        kind: 'url',
        url: new URL(`https://${host}:${port}/metadata.xml?a=1`),
        trust: { kind: 'authorities', ca },
      },
      signers: [operator.cert],
      folder: mkdtempSync(join(folder, 'state-')),
      refreshMs: HOUR,
      https: createHttpsClient(clock),
      log: silentLog,
      clock,
      random: systemRandom,
    });
    context.after(() => source.stop());
    return source;
  }
  return { clock, open, seen, served, stranger };
}

test('metadata are fetched, and again after their time', async (context) => {
  const { clock, open, seen } = await setUp(context);
  const source = await open();
  const { digest } = source.get();
  assert.deepEqual(seen, ['GET /metadata.xml?a=1']);
  const changed = new Promise<void>((resolve) => void source.onChange(resolve));
  clock.advance(1.25 * HOUR);
  await changed;
  assert.notEqual(source.get().digest, digest);
});

test('nothing is asked of a server under another authority, or of another name', async (context) => {
  const { open, seen, stranger } = await setUp(context);
  for (const wrong of [{ ca: stranger.cert }, { host: '127.0.0.1' }]) {
    const source = await open(wrong);
    assert.throws(() => source.get(), isError('M4C_METADATA', /certificate not accepted/));
  }
  assert.deepEqual(seen, []);
  (await open()).get();
});

test('no redirect is followed, and no answer taken but 200; what was good before stays', async (context) => {
  const { open, seen, served } = await setUp(context);
  const source = await open();
  const { digest } = source.get();
  const { answer } = served;
  for (const [status, headers] of [
    [302, { location: '/other.xml' }],
    [301, { location: 'https://elsewhere.test/metadata.xml' }],
    [404, {}],
    [500, {}],
  ] as const) {
    served.answer = (response) => void response.writeHead(status, headers).end();
    await assert.rejects(source.refresh(signal), isError('M4C_METADATA', new RegExp(`answers ${status}`)));
  }
  assert.deepEqual([...new Set(seen)], ['GET /metadata.xml?a=1']);
  assert.equal(source.get().digest, digest);
  served.answer = answer;
  await source.refresh(signal);
  assert.notEqual(source.get().digest, digest);
});

test('an answer without end, or none at all, is given up', async (context) => {
  const { clock, open, served } = await setUp(context);
  const source = await open();
  const part = Buffer.alloc(256 * 1024, ' ');
  let sent = 0;
  served.answer = (response) => {
    const more = (): void => {
      if (response.destroyed) return;
      sent += part.length;
      response.write(part, more);
    };
    more();
  };
  await assert.rejects(source.refresh(signal), isError('M4C_METADATA', /more than 8388608 octets/));
  assert.ok(sent < 32 * 1024 * 1024);
  const { promise: silent, resolve } = Promise.withResolvers<void>();
  served.answer = () => resolve();
  const asking = assert.rejects(source.refresh(signal), isError('M4C_METADATA', /no answer in time/));
  await silent;
  clock.advance(15_000);
  await asking;
  source.get();
});
