// Red without `handshakeTimeout`: Node lets a handshake take two minutes.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { systemClock, systemRandom, type Role } from '@mom4c/core';
import { createAuthority, issueCertificate, readCertificate, toPem } from '@mom4c/pki';
import { startAdminService } from './admin-service.ts';
import { MAX_CONNECTIONS } from './http.ts';
import type { Orders } from './orders.ts';

const [clock, random] = [systemClock, systemRandom];
const log = { debug() {}, info() {}, warn() {}, error() {} };
const DAY = 86_400_000;

test('connections that say nothing shut out administrators for seconds only', async (t) => {
  const { port, order } = await setUp(t);
  assert.equal(await order(), 200);
  const silent = Array.from({ length: MAX_CONNECTIONS }, () =>
    connect(port, '127.0.0.1').on('error', () => {}),
  );
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  const ends = silent.map((socket) => once(socket.resume(), 'close'));
  assert.equal(await order(), 'refused', 'the door is full');
  await Promise.all(ends);
  assert.equal(await order(), 200);
});

async function setUp(t: TestContext) {
  const domain = 'alpha.test';
  const { authority, key: authorityKey } = await createAuthority({ domain, clock, random, validityDays: 30 });
  const issue = async (name: string, role: Role) => {
    const { publicKey, privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = await issueCertificate({
      ...{ authority, authorityKey, publicKey, name, role, domain, random },
      notBefore: clock.now() - DAY,
      notAfter: clock.now() + DAY,
      addresses: role === 'server' ? [] : [`${name}@${domain}`],
      ...(role === 'server' && { ips: ['127.0.0.1'] }),
    });
    return { key, certificate: readCertificate(der) };
  };
  const service = await startAdminService({
    ...{ host: '127.0.0.1', port: 0, authority, clock, random, log },
    identity: await issue('ca', 'server'),
    orders: { enrolments: () => [] } as Partial<Orders> as Orders,
    observe() {},
    certificates: { isStanding: () => true },
  });
  t.after(() => service.stop());
  const { port } = service;
  const admin = await issue('ann', 'admin');
  const credentials = {
    ca: authority.pem,
    key: admin.key.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem('CERTIFICATE', admin.certificate.der),
  };
  const order = (): Promise<number | string> =>
    new Promise((resolve) => {
      const options = { host: '127.0.0.1', port, path: '/enrolments', agent: false, ...credentials };
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', () => resolve('refused'))
        .end();
    });
  return { port, order };
}
