// Mutation seen red: see each test's own line.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock, systemRandom, type Role } from '@mom4c/core';
import { createAuthority, issueCertificate, toPem } from '@mom4c/pki';
import { createMetrics, startHealthServer } from '@mom4c/runtime';
import { healthTls } from './health-tls.ts';

const [clock, random] = [systemClock, systemRandom];
const DAY = 86_400_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function makeDomain() {
  const domain = 'alpha.test';
  const { authority, key: authorityKey } = await createAuthority({ domain, clock, random, validityDays: 30 });
  const now = clock.now();
  const issue = async (name: string, role: Role, notAfter = now + DAY) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = await issueCertificate({
      ...{ authority, authorityKey, publicKey, name, role, domain, notAfter, random },
      notBefore: now - 2 * DAY,
      addresses: role === 'server' ? [] : [`${name}@${domain}`],
      ...(role === 'server' && { dns: ['localhost'], ips: ['127.0.0.1'] }),
    });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: toPem('CERTIFICATE', der), key };
  };
  return { authority, issue };
}

async function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-health-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { authority, issue } = await makeDomain();
  const own = await issue('metrics', 'server');
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  writeFileSync(certFile, own.cert);
  writeFileSync(keyFile, own.key, { mode: 0o600 });
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    tls: healthTls({ tls: { certFile, keyFile } }, authority),
    checks: new Map(),
    metrics: createMetrics('te'),
    log: silent,
  });
  t.after(() => server.stop());
  const get = (client: { cert?: string; key?: string }, path = '/metrics'): Promise<number | string> =>
    new Promise((resolve) => {
      const options = {
        host: '127.0.0.1',
        port: server.port,
        path,
        ca: authority.pem,
        agent: false,
        ...client,
      };
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', () => resolve('refused'))
        .end();
    });
  return { authority, issue, get, port: server.port, keyFile, certFile };
}

// Red with: `rejectUnauthorized` false, `requestCert` false, `admits` not asked, the role not looked at.
test('over the network only administrators and monitors of the domain see metrics and health', async (t) => {
  const { issue, get } = await setUp(t);
  for (const role of ['admin', 'monitor'] as const)
    for (const path of ['/metrics', '/livez', '/readyz', '/healthz'])
      assert.equal(await get(await issue('ann', role), path), 200, `${role} ${path}`);
  for (const role of ['te', 'cm', 'publisher', 'server'] as const)
    assert.equal(await get(await issue('te1', role)), 403, role);
  assert.equal(await get(await issue('old', 'admin', clock.now() - DAY)), 'refused', 'expired');
  const stranger = await makeDomain();
  assert.equal(await get(await stranger.issue('ann', 'admin')), 'refused', 'of another authority');
  assert.equal(await get({}), 'refused', 'without a certificate');
});

// Red without `handshakeTimeout`: Node lets a handshake take two minutes.
test('connections that say nothing shut the door for seconds only', async (t) => {
  const { issue, get, port } = await setUp(t);
  const admin = await issue('ann', 'admin');
  assert.equal(await get(admin), 200);
  const silentOnes = Array.from({ length: 16 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await Promise.all(silentOnes.map((socket) => once(socket, 'connect')));
  const ends = silentOnes.map((socket) => once(socket.resume(), 'close'));
  assert.equal(await get(admin), 'refused', 'the door is full');
  await Promise.all(ends);
  assert.equal(await get(admin), 200);
});

// Red with the key read as any file is.
test('a key that others may read is refused', async (t) => {
  const { authority, certFile, keyFile } = await setUp(t);
  chmodSync(keyFile, 0o644);
  assert.throws(() => healthTls({ tls: { certFile, keyFile } }, authority), {
    code: 'M4C_CONFIG',
  });
});
