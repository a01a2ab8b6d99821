/**
 * The real certificate authority as a process of its own, and a real slapd: enrolment, renewal, publication, and the
 * attacks on them, each after its honest twin.
 *
 * Mutation seen red: tokens consumed without `used IS NULL`; subject of a request not compared; revocation not looked
 * at; role of a name not looked at; role of the admin not looked at; fingerprint not compared; nothing published
 * at the start of the service; an administrator not checked again once the order is read; his tokens left.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { isErrorCode, Mom4cError, systemClock as clock, systemRandom as random } from '@mom4c/core';
import type { ErrorCode, Role } from '@mom4c/core';
import { directoryBase, startSlapd } from '@mom4c/lab';
import {
  createAuthority,
  createDirectoryPublisher,
  createLdapDirectory,
  enroll,
  fetchAuthority,
  fetchGeneration,
  issueCertificate,
  makeEnrolmentKey,
  readCertificate,
  renew,
  toPem,
} from '@mom4c/pki';
import type { Authority, Identity } from '@mom4c/pki';
import { orderOf } from '../support/admin-orders.ts';
import type { AdminAnswer } from '../support/admin-orders.ts';
import { AUTHORITY_PASSWORD, createStandaloneAuthority } from '../support/standalone-authority.ts';
import type { StandaloneAuthority } from '../support/standalone-authority.ts';

const DOMAIN = 'alpha.test';
const BASE = directoryBase(DOMAIN);
const signal = AbortSignal.timeout(120_000);
const log = { debug() {}, info() {}, warn() {}, error() {} };
const run = promisify(execFile);

const folder = mkdtempSync(join(tmpdir(), 'mom4c-ca-'));
/** In the order in which they are to be stopped, last first. */
const stops: (() => Promise<unknown> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
let service: StandaloneAuthority;
let url = '';
let ldap = '';
let authority: Authority;

before(async () => {
  service = await createStandaloneAuthority(folder, DOMAIN);
  const { fingerprint } = service;
  const out = join(folder, 'ldap');
  await service.verb('server-certificate', '--name', 'ldap', '--ip', '127.0.0.1', '--out', out);
  const tls = (name: string) => join(folder, 'ldap', `${name}.pem`);
  assert.equal(statSync(tls('key')).mode & 0o777, 0o600);
  const slapd = await startSlapd({
    folder: join(folder, 'slapd'),
    domain: DOMAIN,
    tls: { cert: tls('cert'), key: tls('key'), ca: tls('ca') },
  });
  stops.push(() => slapd.stop());
  ldap = `ldaps://127.0.0.1:${slapd.port}`;
  service.configure(`directory: { url: '${ldap}', base: '${BASE}' }`);
  await startService();
  authority = await fetchAuthority({ url, fingerprint, signal });
});

after(async () => {
  // Whatever fails to stop must not keep the others, or leave the folder.
  const faults: unknown[] = [];
  for (const stop of stops.toReversed())
    await Promise.try(stop).catch((error: unknown) => faults.push(error));
  if (faults.length > 0) throw new AggregateError(faults, 'not stopped cleanly');
});

test('a token enrols RSA; the certificate renews to P-256, and P-256 to P-256', async () => {
  const first = await enrol('te1', 'te');
  assert.equal(first.certificate.name, 'te1');
  assert.equal(first.key.asymmetricKeyType, 'rsa');
  const second = await renew({ url, authority, identity: first, signal, clock, random });
  assert.equal(second.key.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  const renewAgain = () => renew({ url, authority, identity: second, signal, clock, random });
  await assert.rejects(renewAgain(), isCode('M4C_CA_REFUSED'), 'too soon');
  assert.match(
    service.output,
    /"audit":"refused".*"failInfo":"badRequest".*te1 got a certificate \d+ ms ago/,
  );
  service.alter('UPDATE certificates SET issued = issued - 60000 WHERE name = ?', 'te1');
  const third = await renewAgain();
  assert.equal(third.certificate.role, 'te');
  assert.deepEqual(third.certificate.addresses, ['te1@alpha.test']);
});

test('a cluster manager gets the service address as well', async () => {
  const { certificate } = await enrol('cm1', 'cm');
  assert.deepEqual([...certificate.addresses].toSorted(), ['cm1@alpha.test', 'cm@alpha.test']);
});

test('what the directory holds is the DER that was issued; a node cannot write there', async () => {
  const isPublished = service.logged('certificate published', '"te-ldap"');
  const node = await enrol('te-ldap', 'te');
  await isPublished;

  const directory = createLdapDirectory({ url: ldap, base: BASE, authority, identity: node, clock, log });
  try {
    const { issuer, serial, der } = node.certificate;
    assert.deepEqual((await directory.byIssuerAndSerial(issuer, serial))?.der, der);
    assert.deepEqual((await directory.byAddress('te-ldap@alpha.test'))[0]?.der, der);
    assert.deepEqual((await searchWithLdapUtils(node, 'te-ldap'))[0], Buffer.from(der));
    assert.deepEqual(await directory.byAddress('*@alpha.test').catch(codeOf), 'M4C_MALFORMED');
    const lookups = directory.lookups;
    await directory.byIssuerAndSerial(issuer, serial);
    assert.equal(directory.lookups, lookups, 'a second question is answered from memory');
  } finally {
    await directory.close();
  }

  const thief = createDirectoryPublisher({ url: ldap, base: BASE, authority, identity: node, clock, log });
  try {
    await assert.rejects(thief.publish(node.certificate), isCode('M4C_DIRECTORY_ENTRY'));
    await assert.rejects(thief.unpublish(node.certificate), isCode('M4C_DIRECTORY_ENTRY'));
  } finally {
    await thief.close();
  }
  assert.equal((await searchWithLdapUtils(node, 'te-ldap')).length, 1);
});

test('a token serves once, for its name and role, until it expires', async () => {
  const token = await service.token('te2', 'te');
  await assert.rejects(enrolWith(token, 'te3', 'te'), isCode('M4C_TOKEN_INVALID'), 'another name');
  await assert.rejects(enrolWith(token, 'te2', 'cm'), isCode('M4C_TOKEN_INVALID'), 'another role');
  await enrolWith(token, 'te2', 'te');
  await assert.rejects(enrolWith(token, 'te2', 'te'), isCode('M4C_TOKEN_INVALID'), 'a second time');
  await assert.rejects(
    enrolWith('AAAAAAAAAAAAAAAAAAAAAAAAAAA', 'te2', 'te'),
    isCode('M4C_TOKEN_INVALID'),
    'made up',
  );

  const late = await service.token('te4', 'te');
  service.alter('UPDATE tokens SET expires = ? WHERE name = ?', Date.now() - 1, 'te4');
  await assert.rejects(enrolWith(late, 'te4', 'te'), isCode('M4C_TOKEN_EXPIRED'));
});

test('of two that use one token at the same time, one wins', async () => {
  const token = await service.token('te-race', 'te');
  const results = await Promise.allSettled([1, 2, 3].map(() => enrolWith(token, 'te-race', 'te')));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
});

test("a name keeps its role while its certificate is valid; reserved names are nobody's", async () => {
  await enrol('te5', 'te');
  await assert.rejects(enrol('te5', 'cm'), isCode('M4C_CA_REFUSED'));
  await enrol('te5', 'te');
  await assert.rejects(service.verb('token', '--name', 'cm', '--role', 'cm'), /M4C_BAD_ARGUMENTS/);
  await assert.rejects(service.verb('token', '--name', 'te6'), /M4C_USAGE/);
});

// Red with a failure that does not end the batch, and with a line that cannot be read left out.
test('a batch does one order after the other, none after one that fails, and none if one cannot be read', async () => {
  const order = (name: string) => ['token', '--name', name, '--role', 'te'];
  const done = await service.batch(order('batch1'), order('batch2'));
  const tokens = done.stdout.trimEnd().split('\n');
  assert.equal(done.code, 0);
  assert.equal(tokens.length, 2);
  await enrolWith(tokens[1]!, 'batch2', 'te');
  await enrolWith(tokens[0]!, 'batch1', 'te');

  const half = await service.batch(order('batch3'), order('cm'), order('batch4'));
  assert.notEqual(half.code, 0);
  assert.match(half.stdout, /^[\w-]{27}\n$/, 'the first one alone');

  const none = await service.batch(order('batch5'), ['token', '--name', 'batch6']);
  assert.notEqual(none.code, 0);
  assert.equal(none.stdout, '');
});

test('a renewal needs a standing certificate of ours, and keeps its subject', async () => {
  const identity = await enrol('te7', 'te');
  await renew({ url, authority, identity, signal, clock, random });

  const tryRenewal = (as: Identity) => renew({ url, authority, identity: as, signal, clock, random });
  const renamed = { ...identity, certificate: { ...identity.certificate, name: 'te1' } };
  await assert.rejects(tryRenewal(renamed), isCode('M4C_CA_REFUSED'), 'for another name');
  const promoted = { ...identity, certificate: { ...identity.certificate, role: 'admin' as Role } };
  await assert.rejects(tryRenewal(promoted), isCode('M4C_CA_REFUSED'), 'for another role');
  await assert.rejects(
    tryRenewal(await stranger('te7')),
    isCode('M4C_CA_REFUSED'),
    'by another authority of the same name',
  );
  await assert.rejects(
    tryRenewal(await selfSigned('te7')),
    isCode('M4C_CA_REFUSED'),
    'by a self-signed certificate',
  );

  service.alter(
    'UPDATE certificates SET revoked = ? WHERE serial = ?',
    Date.now(),
    identity.certificate.serial,
  );
  await assert.rejects(tryRenewal(identity), isCode('M4C_CA_REFUSED'), 'by a revoked certificate');
});

test('another authority than the pinned one is not believed', async () => {
  const fingerprint = authority.fingerprint.replace(/^../, (octet) => (octet === '00' ? '01' : '00'));
  await assert.rejects(fetchAuthority({ url, fingerprint, signal }), isCode('M4C_CA_NOT_TRUSTED'));
  const { authority: other } = await createAuthority({ domain: DOMAIN, clock, random, validityDays: 1 });
  const token = await service.token('te8', 'te');
  // It cannot even read what is encrypted for the other one.
  await assert.rejects(
    enroll({ ...common('te8', 'te'), authority: other, token, key: await makeEnrolmentKey() }),
    isCode('M4C_CA_NOT_TRUSTED'),
  );
  const nowhere = { url: 'http://127.0.0.1:1/scep', fingerprint: authority.fingerprint, signal };
  await assert.rejects(fetchAuthority(nowhere), isCode('M4C_CA_UNREACHABLE'));
});

test('HTTP: capabilities are served; what is too large, malformed or unknown is refused', async () => {
  const capabilities = await (await fetch(`${url}?operation=GetCACaps`)).text();
  for (const capability of ['AES', 'SHA-256', 'SHA-384', 'POSTPKIOperation', 'Renewal', 'SCEPStandard'])
    assert.ok(capabilities.split('\n').includes(capability), capability);
  assert.ok(!capabilities.includes('GetNextCACert'));
  const post = (body: string | Uint8Array<ArrayBuffer>) =>
    fetch(`${url}?operation=PKIOperation`, { method: 'POST', body });
  assert.equal((await post(new Uint8Array(60_000))).status, 400);
  assert.equal((await post(new Uint8Array(70_000))).status, 413);
  assert.equal((await post('')).status, 400);
  assert.equal((await fetch(`${url}?operation=PKIOperation&message=AAAA`)).status, 400);
  const next = await fetch(`${url}?operation=GetNextCACert`);
  assert.deepEqual([next.status, await next.text()], [404, 'this authority has no successor yet']);
  assert.equal((await fetch(`${url}?operation=GetNothing`)).status, 400);
  assert.equal((await fetch(new URL('/tokens', url))).status, 404);
});

test('a request by GET is served as one by POST', async () => {
  // A relay that turns what our client posts into what certmonger sends.
  const relay = createServer((incoming, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part);
      const message = encodeURIComponent(Buffer.concat(parts).toString('base64'));
      const answer = await fetch(`${url}?operation=PKIOperation&message=${message}`);
      response.end(new Uint8Array(await answer.arrayBuffer()));
    })();
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = relay.address() as AddressInfo;
    const token = await service.token('te-get', 'te');
    const key = await makeEnrolmentKey();
    const relayed = { ...common('te-get', 'te'), url: `http://127.0.0.1:${port}/scep`, token, key };
    assert.equal((await enroll(relayed)).certificate.name, 'te-get');
  } finally {
    relay.close();
    relay.closeAllConnections();
  }
});

test('the admin API makes tokens for administrators alone', async () => {
  const admin = await enrol('alice', 'admin');
  const answer = await askAdmin({ name: 'te9', role: 'te', ttl: '15m' }, admin);
  assert.equal(answer.status, 201);
  const { token, expires } = answer.body as { token: string; expires: number };
  assert.ok(Math.abs(expires - Date.now() - 900_000) < 60_000);
  await enrolWith(token, 'te9', 'te');

  const node = await enrol('te10', 'te');
  assert.deepEqual(await codeOfAnswer(askAdmin({ name: 'te11', role: 'te', ttl: '15m' }, node)), [
    403,
    'M4C_FORBIDDEN',
  ]);
  assert.deepEqual(await codeOfAnswer(askAdmin({ name: 'te11', role: 'te', x: 1 }, admin)), [
    400,
    'M4C_BAD_ARGUMENTS',
  ]);
  assert.deepEqual(await codeOfAnswer(askAdmin({ name: 'cm', role: 'te' }, admin)), [
    400,
    'M4C_BAD_ARGUMENTS',
  ]);
  assert.deepEqual(await codeOfAnswer(askAdmin('x'.repeat(5000), admin)), [413, 'M4C_TOO_LARGE']);
  await assert.rejects(
    askAdmin({ name: 'te11', role: 'te' }, undefined),
    /certificate required|ECONNRESET|socket/i,
  );
  await assert.rejects(
    askAdmin({ name: 'te11', role: 'te' }, await stranger('alice', 'admin')),
    /ca|ECONNRESET|socket/i,
  );
});

test('an order that is held open while its administrator is revoked is refused, and so is a token of his', async () => {
  const [alice, mallory] = [await enrol('alice', 'admin'), await enrol('mallory', 'admin')];
  const askAs = (identity: Identity, path: string, body: unknown, meanwhile?: () => Promise<unknown>) =>
    orderOf({ port: service.adminPort, authority, identity, path, body, ...(meanwhile && { meanwhile }) });
  const wish = (name: string) => ({ name, role: 'te', ttl: '7d' });
  const held = await askAs(mallory, '/tokens', wish('te13'), async () => {});
  assert.equal(held.status, 201);
  const { token } = held.body as { token: string };
  await enrolWith(token, 'te13', 'te');
  const unused = (await askAs(mallory, '/tokens', wish('te14'))).body as { token: string };

  const revoke = async () => {
    const { status, body } = await askAs(alice, '/revocations', { name: 'mallory', reason: 'keyCompromise' });
    assert.equal(status, 200);
    assert.equal((body as { tokens: number }).tokens, 1);
  };
  assert.deepEqual(await codeOfAnswer(askAs(mallory, '/tokens', wish('te15'), revoke)), [
    403,
    'M4C_FORBIDDEN',
  ]);
  await assert.rejects(enrolWith(unused.token, 'te14', 'te'), isCode('M4C_TOKEN_INVALID'));
});

test('an administrator alone has the generation of epochs raised, and everybody may read the statement', async () => {
  const [bob, manager] = [await enrol('bob', 'admin'), await enrol('cm9', 'cm')];
  const reset = (identity: Identity | undefined, body: unknown = {}) =>
    orderOf({ port: service.adminPort, authority, identity, path: '/reset-epoch', body });
  const stated = () => fetchGeneration({ url, authority, domain: DOMAIN, signal });
  assert.equal(await stated(), undefined);
  assert.deepEqual(await codeOfAnswer(reset(manager)), [403, 'M4C_FORBIDDEN']);
  assert.deepEqual(await codeOfAnswer(reset(bob, { generation: 9 })), [400, 'M4C_BAD_ARGUMENTS']);
  assert.equal(await stated(), undefined);

  const isAudited = service.logged(
    "the domain's epochs have a new generation",
    '"audit":"generation","generation":2,"by":"bob"',
  );
  assert.deepEqual(await reset(bob), { status: 200, body: { generation: 2 } });
  await isAudited;
  assert.equal((await stated())?.statement.generation, 2);
  await service.stop();
  await startService();
  assert.equal((await stated())?.statement.generation, 2);
  assert.deepEqual(await reset(bob), { status: 200, body: { generation: 3 } });
  assert.equal((await stated())?.statement.generation, 3);
});

test('what was issued while the directory or the service was down is published later', async () => {
  await service.stop();
  const used = ldap;
  service.configure(`directory: { url: 'ldaps://127.0.0.1:1', base: '${BASE}' }`);
  await startService();
  const hasFailed = service.logged('the directory does not know of a certificate yet', '"te12"');
  await enrol('te12', 'te');
  await hasFailed;
  await service.stop();

  service.configure(`directory: { url: '${used}', base: '${BASE}' }`);
  const isPublished = service.logged('certificate published', '"te12"');
  await startService();
  await isPublished;
});

test('who fails too often is not heard for a while', async () => {
  const post = () => fetch(`${url}?operation=PKIOperation`, { method: 'POST', body: 'x' });
  const statuses = new Set<number>();
  for (let tries = 0; tries < 31; tries++) statuses.add((await post()).status);
  assert.deepEqual([...statuses], [400, 429]);
  assert.equal((await fetch(`${url}?operation=GetCACaps`)).status, 200);
});

test('it stops cleanly, and no secret is in its log', async () => {
  await service.stop();
  assert.ok(service.tokens.length > 5);
  for (const secret of [...service.tokens, AUTHORITY_PASSWORD]) assert.ok(!service.output.includes(secret));
});

async function startService(): Promise<void> {
  await service.start();
  stops.push(() => service.stop());
  url = service.url;
}

// --- clients --------------------------------------------------------------------------------------------------

function common(name: string, role: Role) {
  return { url, authority, domain: DOMAIN, name, role, signal, clock, random };
}

async function enrolWith(token: string, name: string, role: Role): Promise<Identity> {
  return enroll({ ...common(name, role), token, key: await makeEnrolmentKey() });
}

async function enrol(name: string, role: Role): Promise<Identity> {
  return enrolWith(await service.token(name, role), name, role);
}

/** A certificate of an authority that bears the same name as ours. */
async function stranger(name: string, role: Role = 'te'): Promise<Identity> {
  const { generateKeyPairSync } = await import('node:crypto');
  const other = await createAuthority({ domain: DOMAIN, clock, random, validityDays: 10 });
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = await issueCertificate({
    authority: other.authority,
    authorityKey: other.key,
    publicKey,
    name,
    role,
    domain: DOMAIN,
    addresses: [`${name}@${DOMAIN}`],
    notBefore: Date.now() - 60_000,
    notAfter: Date.now() + 3_600_000,
    random,
  });
  return { key: privateKey, certificate: readCertificate(der) };
}

/** As openssl makes one; it does not have our profile, so its fields are filled in by hand. */
async function selfSigned(name: string): Promise<Identity> {
  const { createPrivateKey, X509Certificate } = await import('node:crypto');
  const [key, cert] = ['self-key.pem', 'self-cert.pem'].map((file) => join(folder, file)) as [string, string];
  const subject = `/O=${DOMAIN}/OU=te/CN=${name}`;
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-subj',
    subject,
  ]);
  const { raw } = new X509Certificate(readFileSync(cert));
  const { certificate } = await stranger(name);
  return { key: createPrivateKey(readFileSync(key)), certificate: { ...certificate, der: raw } };
}

async function searchWithLdapUtils({ key, certificate }: Identity, name: string): Promise<Buffer[]> {
  const [keyFile, certFile, caFile] = ['u-key.pem', 'u-cert.pem', 'u-ca.pem'].map((file) =>
    join(folder, file),
  ) as [string, string, string];
  writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(certFile, toPem('CERTIFICATE', certificate.der));
  writeFileSync(caFile, authority.pem);
  const env = { ...process.env, LDAPTLS_CACERT: caFile, LDAPTLS_CERT: certFile, LDAPTLS_KEY: keyFile };
  const what = [
    '-x',
    '-LLL',
    '-o',
    'ldif-wrap=no',
    '-H',
    ldap,
    '-b',
    `ou=devices,${BASE}`,
    `(cn=${name})`,
    'userCertificate;binary',
  ];
  const { stdout } = await run('ldapsearch', what, { env });
  return [...stdout.matchAll(/^userCertificate;binary:: (\S+)$/gm)].map(([, base64]) =>
    Buffer.from(base64!, 'base64'),
  );
}

function askAdmin(body: unknown, identity: Identity | undefined): Promise<AdminAnswer> {
  return orderOf({ port: service.adminPort, authority, identity, path: '/tokens', body });
}

async function codeOfAnswer(answer: Promise<AdminAnswer>): Promise<[number, unknown]> {
  const { status, body } = await answer;
  return [status, (body as { code: unknown }).code];
}

function codeOf(error: unknown): unknown {
  return error instanceof Mom4cError ? error.code : error;
}

function isCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isErrorCode(code));
    assert.equal(codeOf(error), code, String((error as Error).stack));
    return true;
  };
}
