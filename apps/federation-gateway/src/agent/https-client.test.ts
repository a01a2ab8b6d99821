// Mutation seen red: whether a certificate that is not accepted ends the connection left to the environment.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@mom4c/core';
import { createHttpsClient, type Faults, type Trust } from './https-client.ts';
import { isError } from '../test-fakes.ts';

const { signal } = new AbortController();
const FAULTS: Faults = {
  what: 'agent',
  unreachable: 'M4C_PARTNER_STREAM',
  untrusted: 'M4C_AGENT_ADDRESS',
  answer: 'M4C_IDP_ANSWER',
};

function selfSigned(context: TestContext): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-https-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string): string => join(folder, name);
  const form = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
  execFileSync('openssl', [...form, '-keyout', file('key'), '-out', file('pem')], { stdio: 'pipe' });
  return { key: readFileSync(file('key'), 'utf8'), cert: readFileSync(file('pem'), 'utf8') };
}

test('nothing of the environment lets a stranger be who is pinned, or who an authority vouches for', async (context) => {
  const own = selfSigned(context);
  const stranger = selfSigned(context);
  let served = 0;
  const server = createServer({ ...own, minVersion: 'TLSv1.3' }, (_request, response) => {
    served += 1;
    response.end('hello');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  context.after(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
  });
  const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/`);
  const ask = createHttpsClient(systemClock);
  const pinned = ({ cert }: { cert: string }): Trust => ({
    kind: 'pinned',
    certificates: [new X509Certificate(cert).raw],
  });

  assert.equal((await ask({ url, trust: pinned(own), faults: FAULTS }, signal)).text, 'hello');
  for (const trust of [
    pinned(stranger),
    { kind: 'authorities', ca: stranger.cert },
    { kind: 'authorities', ca: undefined },
  ] as const)
    await assert.rejects(ask({ url, trust, faults: FAULTS }, signal), isError('M4C_AGENT_ADDRESS'));
  assert.equal(served, 1, 'nothing was sent to who was not accepted');
});
