/**
 * Mutations seen red: the folder not prepared, or made but not written to; the probe left; M4C_CA_UNREACHABLE not
 * forgiven; forgiven while stopping; M4C_BUSY not told by the client, or not waited for.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Mom4cError, systemClock, systemRandom } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import {
  answerScep,
  createAuthority,
  issueCertificate,
  readCertificate,
  ScepFault,
  writeKeystore,
} from '@mom4c/pki';
import { ensureIdentity } from './first-start.ts';
import type { MemberSettings } from './settings.ts';

const [clock, random] = [systemClock, systemRandom];
const PASSWORD = 'a password';
const DAY = 86_400_000;

async function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-start-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const passwordFile = file('password', PASSWORD);
  const tokenFile = file('token', 'A'.repeat(27));
  const settings = (keystore: string, url: string, fingerprint = '00'.repeat(32)) =>
    ({
      domain: 'alpha.test',
      name: 'te1',
      keystore: { file: keystore, passwordFile },
      tokenFile,
      authority: { url, fingerprint },
    }) as MemberSettings;
  const warnings: unknown[] = [];
  const log = { debug() {}, info() {}, warn: (fields: object) => void warnings.push(fields), error() {} };
  const stop = new AbortController();
  return { folder, tokenFile, settings, warnings, stop, around: { clock, random, log, signal: stop.signal } };
}

/** An authority that answers every request with that status. */
async function startAuthority(t: TestContext, status: number, onRequest = () => {}) {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    onRequest();
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/scep`, requests: () => requests };
}

/** An authority that refuses each request with the next of these codes. */
async function startRefusing(t: TestContext, codes: string[]) {
  const own = await createAuthority({ domain: 'alpha.test', clock, random, validityDays: 2 });
  const refuse = async (): Promise<never> => {
    const code = codes.shift();
    if (code === undefined) throw new Error('one request more than expected');
    throw new ScepFault('badRequest', code, code);
  };
  const policy = { admitsWeak: () => false, certify: refuse, poll: refuse, crl: refuse };
  const server = createServer((request, response) => {
    void (async () => {
      if (request.method === 'GET') return response.end(own.authority.der);
      const parts: Buffer[] = [];
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
      const { reply } = await answerScep(Buffer.concat(parts), { ...own, clock, random }, policy);
      return response.end(reply);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/scep`, fingerprint: own.authority.fingerprint };
}

async function writeRsaKeystore(file: string): Promise<string> {
  const domain = 'alpha.test';
  const { key, authority } = await createAuthority({ domain, clock, random, validityDays: 2 });
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = await issueCertificate({
    authority,
    authorityKey: key,
    publicKey,
    name: 'te1',
    role: 'te',
    domain,
    addresses: [`te1@${domain}`],
    notBefore: clock.now() - 60_000,
    notAfter: clock.now() + DAY,
    random,
  });
  await writeKeystore(file, { key: privateKey, certificate: readCertificate(der), authority }, PASSWORD);
  return authority.fingerprint;
}

test('where the keystore cannot be written no authority is asked, and the token stays', async (t) => {
  const { settings, folder, tokenFile, around } = await setUp(t);
  const { url, requests } = await startAuthority(t, 503);
  // A folder that is there and takes no files, also from root; and one that cannot be made.
  for (const keystore of ['/proc/te1.p12', join(tokenFile, 'te1.p12')])
    await assert.rejects(ensureIdentity(settings(keystore, url), 'te', around), isCode('M4C_CONFIG'));
  assert.equal(requests(), 0);
  assert.ok(existsSync(tokenFile));
  const good = settings(join(folder, 'new', 'te1.p12'), url);
  await assert.rejects(ensureIdentity(good, 'te', around), isCode('M4C_CA_UNREACHABLE'));
  assert.equal(requests(), 1);
  assert.deepEqual(readdirSync(join(folder, 'new')), [], 'the trial left something');
});

test('a node with a valid RSA identity starts while the authority is down', async (t) => {
  const { settings, folder, warnings, stop, around } = await setUp(t);
  const keystore = join(folder, 'te1.p12');
  const fingerprint = await writeRsaKeystore(keystore);
  const { url, requests } = await startAuthority(t, 503);
  for (const starts of [1, 2]) {
    const { identity } = await ensureIdentity(settings(keystore, url, fingerprint), 'te', around);
    assert.equal(identity.key.asymmetricKeyType, 'rsa');
    assert.equal(requests(), starts, 'each start tries again');
    assert.equal(warnings.length, starts);
  }
  const stopping = await startAuthority(t, 503, () => stop.abort());
  await assert.rejects(
    ensureIdentity(settings(keystore, stopping.url, fingerprint), 'te', around),
    isCode('M4C_CA_UNREACHABLE'),
    'one that is being stopped does not go on',
  );
});

test('a node that waits for approval waits on while the list of those that wait is full', async (t) => {
  const { settings, folder, around } = await setUp(t);
  const codes = ['M4C_BUSY', 'M4C_BUSY', 'M4C_ENROLMENT_REJECTED'];
  const { url, fingerprint } = await startRefusing(t, codes);
  const waited: number[] = [];
  const impatient = {
    ...clock,
    after(ms: number, callback: () => void) {
      waited.push(ms);
      return clock.after(0, callback);
    },
  };
  const { tokenFile: _none, ...known } = settings(join(folder, 'te1.p12'), url, fingerprint);
  const waiting: MemberSettings = { ...known, enrolment: 'approval' };
  await assert.rejects(
    ensureIdentity(waiting, 'te', { ...around, clock: impatient }),
    isCode('M4C_ENROLMENT_REJECTED'),
  );
  assert.deepEqual(codes, []);
  assert.equal(waited.length, 2);
});

function isCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof Mom4cError && error.code === code;
}
