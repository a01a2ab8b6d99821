// Mutation seen red: both uses in every certificate, any text as a name.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { systemRandom } from '@mom4c/core';
import { type BusAuthority, createBusAuthority, type PemIdentity } from './bus-authority.ts';
import { fault } from './test-domain.ts';

let authority: BusAuthority;
let server: Server;

before(async () => {
  authority = await createBusAuthority(systemRandom);
  const { certificate, key } = await authority.server();
  server = createServer({
    cert: certificate,
    key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('secureConnection', (socket) => socket.end(socket.getPeerCertificate().subjectaltname ?? ''));
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(async () => {
  server.close();
  await once(server, 'close');
});

/** @returns what the server calls the client, or '' if one does not trust the other */
async function callAs(identity: PemIdentity | undefined, ca = authority.certificate): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    ca,
    ...(identity && { cert: identity.certificate, key: identity.key }),
  });
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk as Buffer);
  } catch {
    // With TLS 1.3 the client may see an alert, a reset, or just the end.
    assert.equal(chunks.length, 0);
  }
  return Buffer.concat(chunks).toString();
}

describe('the authority of a bus', () => {
  test('makes a server on 127.0.0.1 and clients that it knows by name trust each other', async () => {
    assert.equal(await callAs(await authority.client('sensors')), 'DNS:sensors');
  });

  test('trusts nobody else', async () => {
    const other = await createBusAuthority(systemRandom);
    assert.equal(await callAs(undefined), '');
    assert.equal(await callAs(await other.client('sensors')), '');
    assert.equal(await callAs(await authority.client('sensors'), other.certificate), '');
    assert.equal(await callAs(await authority.client('led')), 'DNS:led');
  });

  test('makes certificates for one use that do not expire', async () => {
    const client = new X509Certificate((await authority.client('sensors')).certificate);
    assert.deepEqual(client.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.equal(client.validToDate.getUTCFullYear(), 9999);
    assert.equal(client.ca, false);
    const forServer = new X509Certificate((await authority.server()).certificate);
    assert.deepEqual(forServer.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(forServer.checkIP('127.0.0.1'), '127.0.0.1');
  });

  test('names only what is a name', async () => {
    for (const name of ['', '*', 'a b', 'Sensors', '>'])
      await assert.rejects(authority.client(name), fault('M4C_CERTIFICATE_INVALID'));
  });
});
