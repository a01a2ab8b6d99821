/**
 * Renewals by those who must not renew, tried with SCEP clients that others wrote: each attack after the same client has
 * renewed honestly. micromdm's server, which takes the stranger, shows that the attack is a real one.
 *
 * Mutation seen red: verifyIssued left out; its time left out; revocation not looked at; subject not compared (name, role).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock as clock, systemRandom as random } from '@mom4c/core';
import {
  createAuthority,
  enroll,
  fetchAuthority,
  fromPem,
  issueCertificate,
  makeEnrolmentKey,
  readAuthority,
  readCertificate,
  readKeystore,
  renew,
  toPem,
} from '@mom4c/pki';
import type { Authority, Identity } from '@mom4c/pki';
import { orderOf } from '../support/admin-orders.ts';
import { certmonger, scepclient, startScepserver, strongswan } from '../support/scep-peers.ts';
import type { Peer, PeerFiles, PeerRequest } from '../support/scep-peers.ts';
import { AUTHORITY_PASSWORD, createStandaloneAuthority } from '../support/standalone-authority.ts';
import type { StandaloneAuthority } from '../support/standalone-authority.ts';

const DOMAIN = 'alpha.test';
const HOUR = 3_600_000;
const signal = AbortSignal.timeout(300_000);
const folder = mkdtempSync(join(tmpdir(), 'mom4c-renewals-'));
let service: StandaloneAuthority;
let authority: Authority;
let administrator: Identity;

before(async () => {
  service = await createStandaloneAuthority(join(folder, 'authority'), DOMAIN);
  await service.start();
  authority = await fetchAuthority({ url: service.url, fingerprint: service.fingerprint, signal });
  const [token, key] = [await service.token('alice', 'admin'), await makeEnrolmentKey()];
  administrator = await enroll({ ...common(), name: 'alice', role: 'admin', key, token });
});

after(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

for (const { peer, name, legacy } of [
  { peer: strongswan(join(folder, 'strongswan')), name: 'te-strongswan', legacy: false },
  { peer: scepclient(join(folder, 'micromdm')), name: 'te-micromdm', legacy: true },
])
  test(`${peer.name}: who may not renew does not, however good his key is`, async () => {
    const request = async (change: Partial<PeerRequest> = {}): Promise<PeerRequest> => ({
      ...requestFor(name),
      // Weak algorithms shall not be what it is refused for.
      token: legacy ? await service.token(name, 'te', '--legacy') : undefined,
      ...change,
    });
    const enrolled = await peer.enrol({
      ...(await request()),
      token: await service.token(name, 'te', ...(legacy ? ['--legacy'] : [])),
    });
    assert.equal(enrolled.code, 0, enrolled.output);
    const honest = await peer.renew(await request());
    assert.equal(honest.code, 0, honest.output);
    const own = copyOf(peer, name);

    const attempts: [string, PeerFiles, Partial<PeerRequest>, string][] = [
      ['a stranger signed it himself', selfSigned(name), {}, 'badCertID'],
      ['another authority of that name issued it', await foreign(name), {}, 'badCertID'],
      ['it has expired', await expired(name), {}, 'badCertID'],
      ['the name is another', own, { name: 'te-victim' }, 'badRequest'],
      ['the role is another', own, { role: 'cm' }, 'badRequest'],
      ['the domain is another', own, { domain: 'beta.test' }, 'badRequest'],
    ];
    for (const [what, files, change, failInfo] of attempts)
      await refused(what, peer, await request(change), files, failInfo);

    await revoke({ serial: serialOf(own) });
    await refused('it is revoked', peer, await request(), own, 'badCertID');
  });

test('certmonger, which renews with PKCSReq, is refused once its certificate is revoked', async () => {
  const peer = certmonger(join(folder, 'certmonger'));
  const request = requestFor('te-certmonger');
  const token = await service.token('te-certmonger', 'te');
  assert.equal((await peer.enrol({ ...request, token })).code, 0);
  const honest = await peer.renew(request);
  assert.equal(honest.code, 0, honest.output);
  await revoke({ serial: serialOf(peer.files) });
  const before = readFileSync(peer.files.certificate, 'utf8');
  const refusal = service.logged('enrolment refused', 'PKCSReq');
  const ended = await peer.renew(request);
  assert.notEqual(ended.code, 0, ended.output);
  assert.equal((await refusal).failInfo, 'badCertID');
  assert.equal(readFileSync(peer.files.certificate, 'utf8'), before);
});

test("micromdm's server renews for a stranger: ours would have been asked in the same way", async () => {
  const other = await startScepserver(join(folder, 'foreign'));
  try {
    const { fingerprint } = readAuthority(fromPem('CERTIFICATE', other.certificate));
    const theirs = await fetchAuthority({ url: other.url, fingerprint, signal });
    const at = { url: other.url, authority: theirs, signal, clock, random, kind: 'rsa' as const };
    const thief = identityOf(await foreign('te1'));
    assert.equal((await renew({ ...at, identity: thief, token: other.challenge })).certificate.name, 'te1');

    const refusal = service.logged('enrolment refused', 'RenewalReq');
    const token = await service.token('te1', 'te');
    await assert.rejects(renew({ ...common(), identity: thief, kind: 'rsa', token }), {
      code: 'M4C_CA_REFUSED',
    });
    assert.equal((await refusal).failInfo, 'badCertID');
  } finally {
    await other.stop();
  }
});

// --- attempts -----------------------------------------------------------------------------------------------------

async function refused(
  what: string,
  peer: Peer,
  request: PeerRequest,
  files: PeerFiles,
  failInfo: string,
): Promise<void> {
  const refusal = service.logged('enrolment refused', 'RenewalReq');
  const issued = service.lines().filter(({ msg }) => msg === 'certificate issued').length;
  const { code, output } = await peer.renew(request, files);
  assert.notEqual(code, 0, `${what}: ${output}`);
  const line = await refusal;
  assert.equal(line.failInfo, failInfo, `${what}: ${JSON.stringify(line)}`);
  // Not for having too many, or too soon.
  const because = failInfo === 'badCertID' ? /^renewal signed by/ : /^renewal for another subject$/;
  assert.match(String(line.reason), because, what);
  assert.equal(service.lines().filter(({ msg }) => msg === 'certificate issued').length, issued, what);
}

function common() {
  return { url: service.url, authority, domain: DOMAIN, signal, clock, random };
}

function requestFor(name: string): PeerRequest {
  return { url: service.url, domain: DOMAIN, name, role: 'te', authority: authority.pem };
}

async function revoke(what: { serial: string }): Promise<void> {
  const to = { port: service.adminPort, authority, identity: administrator };
  const { status } = await orderOf({
    ...to,
    path: '/revocations',
    body: { ...what, reason: 'keyCompromise' },
  });
  assert.equal(status, 200);
}

// --- certificates --------------------------------------------------------------------------------------------------

function selfSigned(name: string): PeerFiles {
  const files = filesAt('self');
  const subject = `/O=${DOMAIN}/OU=te/CN=${name}`;
  const out = ['-keyout', files.key, '-out', files.certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...out, '-subj', subject], {
    stdio: 'pipe',
  });
  // Go reads the older form of a key only.
  execFileSync('openssl', ['rsa', '-traditional', '-in', files.key, '-out', files.key], { stdio: 'pipe' });
  return files;
}

/** All as it would be with us, the authority's name included. */
async function foreign(name: string): Promise<PeerFiles> {
  const other = await createAuthority({ domain: DOMAIN, clock, random, validityDays: 10 });
  return issue(name, other.authority, other.key, Date.now() + HOUR);
}

/** Issued by our authority, and on its record: nothing is wrong with it but its time. */
async function expired(name: string): Promise<PeerFiles> {
  const { key } = await readKeystore(join(service.folder, 'authority.p12'), AUTHORITY_PASSWORD);
  const files = await issue(name, authority, key, Date.now() - 60_000);
  const { serial, der, notAfter } = readCertificate(
    fromPem('CERTIFICATE', readFileSync(files.certificate, 'utf8')),
  );
  service.alter(
    "INSERT INTO certificates (serial, der, name, role, issued, not_after, unpublished) VALUES (?, ?, ?, 'te', ?, ?, 0)",
    ...[serial, der, name, notAfter - HOUR, notAfter],
  );
  return files;
}

async function issue(name: string, by: Authority, key: KeyObject, notAfter: number): Promise<PeerFiles> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = await issueCertificate({
    authority: by,
    authorityKey: key,
    publicKey,
    name,
    role: 'te',
    domain: DOMAIN,
    addresses: [`${name}@${DOMAIN}`],
    notBefore: notAfter - 2 * HOUR,
    notAfter,
    random,
  });
  const files = filesAt('issued');
  writeFileSync(files.certificate, toPem('CERTIFICATE', der));
  writeFileSync(files.key, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  return files;
}

function copyOf({ files }: Peer, name: string): PeerFiles {
  const copy = filesAt(name);
  writeFileSync(copy.certificate, readFileSync(files.certificate));
  writeFileSync(copy.key, readFileSync(files.key));
  return copy;
}

let made = 0;
function filesAt(what: string): PeerFiles {
  const path = join(folder, `${what}-${made++}`);
  return { certificate: `${path}.pem`, key: `${path}.key` };
}

function serialOf({ certificate }: PeerFiles): string {
  return new X509Certificate(readFileSync(certificate)).serialNumber.toLowerCase();
}

function identityOf({ certificate, key }: PeerFiles): Identity {
  const der = fromPem('CERTIFICATE', readFileSync(certificate, 'utf8'));
  return { key: createPrivateKey(readFileSync(key)), certificate: readCertificate(der) };
}
