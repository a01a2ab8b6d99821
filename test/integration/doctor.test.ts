/**
 * `mom4c doctor` on a lab in which one thing after the other is broken for real: exactly that line fails, with its
 * remedy, what rests on it is skipped, and all else is well. Each test mends what it broke.
 *
 * Mutations seen red: the fingerprint of the profile not compared; the validity of the certificate not checked; a request
 * repeated before the manager can know that its journal is gone.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { ERRORS, systemRandom } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { Component, Lab, LabDomain } from '@mom4c/lab';
import { issueCertificate, readCertificate, readKeystore, writeKeystore } from '@mom4c/pki';
import { ANY_SERVER } from '../support/any-server.ts';
import { mom4c } from '../support/cli.ts';
import type { ProgramOptions } from '../support/program.ts';

type Finding = { check: string; level: string; says: string; code?: ErrorCode; remedy?: string };
/** Federation is a finding of its own: the domain has no gateway, and the line no more to say. */
type Report = { findings: Finding[]; federation: Finding; text: string };

const CHECKS = [
  'profile',
  'files',
  'clock',
  'certificate',
  'authority',
  'scep',
  'admin service',
  'xmpp',
  'directory',
  'published',
  'log-in',
  'manager',
  'bus',
  'versions',
  'nodes',
];
const DAY_MS = 24 * 3_600_000;

const folder = mkdtempSync(join(tmpdir(), 'mom4c-doctor-'));
let lab: Lab;
let alpha: LabDomain;
/** Of the administrator. */
let profile: string;
const at = (name: string): string => join(dirname(profile), name);

before(async () => {
  lab = await startLab({ folder: join(folder, 'lab'), server: ANY_SERVER, executors: 1 });
  alpha = lab.domain('alpha.test');
  profile = alpha.describe().adminProfile.path;
});
after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true });
});

test('where all is well every line says so, in each form', async () => {
  const { findings, federation } = await doctor(0);
  assert.deepEqual(
    findings.map(({ check, level }) => [check, level]),
    CHECKS.map((check) => [check, 'ok']),
  );
  assert.equal(federation.says, 'this domain has no gateway');
  assert.match(says(findings, 'xmpp'), /^TLSv1\.3, .* log-in by .*EXTERNAL/);
  assert.match(says(findings, 'manager'), /^cm1 answers as cm@alpha\.test, epoch 1\.1, signed/);
  const [table, yaml] = await Promise.all([
    mom4c(['--state', lab.folder, 'doctor']),
    mom4c(['--state', lab.folder, 'doctor', '-o', 'yaml']),
  ]);
  assert.match(table.stdout, /^CHECK +STATE +WHAT WAS FOUND +WHAT TO DO$/m);
  assert.match(table.stdout, /^log-in +ok +as admin@alpha\.test, by certificate$/m);
  assert.match(yaml.stdout, /^findings:\n {2}- check: profile\n/);
});

test('the directory is away', async () => {
  await without(alpha.server('slapd'), async () => {
    failsOnly(await doctor(7), 'directory', 'M4C_DIRECTORY_UNREACHABLE', ['published', 'log-in', ...CLUSTER]);
  });
});

test('the XMPP server is away', async () => {
  await without(alpha.server(ANY_SERVER), async () => {
    failsOnly(await doctor(7), 'xmpp', 'M4C_XMPP_UNREACHABLE', ['log-in', ...CLUSTER]);
  });
});

test('the certificate authority is away: its two services fail, and the clock cannot be compared', async () => {
  await without(alpha.server('certificate-authority'), async () => {
    const { findings } = await doctor(7);
    const levels = findings.filter(({ level }) => level !== 'ok').map(({ check, level }) => [check, level]);
    assert.deepEqual(levels, [
      ['clock', 'warn'],
      ['scep', 'fail'],
      ['admin service', 'fail'],
    ]);
    for (const check of ['scep', 'admin service'])
      assert.equal(findings.find((one) => one.check === check)?.code, 'M4C_CA_UNREACHABLE');
  });
});

test('the manager was killed', async () => {
  await without(alpha.node('cm1'), async () => {
    failsOnly(await doctor(7), 'manager', 'M4C_NO_MANAGER', ['bus', 'versions', 'nodes']);
  });
});

test('the bus of the domain is away: nobody leads', async () => {
  await without(alpha.server('nats-server'), async () => {
    failsOnly(await doctor(7), 'manager', 'M4C_NO_MANAGER', below('manager'));
  });
});

test('a node is away: a warning, with its name', async () => {
  await without(alpha.node('te1'), async () => {
    const { findings } = await doctor(0);
    const nodes = findings.find(({ check }) => check === 'nodes');
    assert.deepEqual([nodes?.level, nodes?.remedy], ['warn', ERRORS.M4C_TARGET_ABSENT.fix]);
    assert.match(nodes!.says, /0 of 1 .*away: te1/);
  });
});

test('others may read the keystore', async () => {
  chmodSync(at('keystore.p12'), 0o644);
  const report = await doctor(9);
  chmodSync(at('keystore.p12'), 0o600);
  failsOnly(report, 'files', 'M4C_CONFIG', below('files'));
  assert.match(says(report.findings, 'files'), /keystore\.file: .* has mode 0644.*chmod 600 /);
});

test('the fingerprint of another authority is configured', async () => {
  const text = readFileSync(profile, 'utf8');
  writeFileSync(profile, text.replace(/fingerprint: "[0-9a-f]{4}/i, 'fingerprint: "0000'));
  assert.notEqual(readFileSync(profile, 'utf8'), text);
  const report = await doctor(8);
  writeFileSync(profile, text);
  failsOnly(report, 'authority', 'M4C_CA_NOT_TRUSTED', ['log-in', ...CLUSTER]);
});

test('the clock is an hour fast, or twenty seconds slow', async () => {
  for (const offset of ['+1h', '-20s']) {
    const preload = '/usr/$LIB/faketime/libfaketime.so.1';
    const report = await doctor(8, { env: { LD_PRELOAD: preload, FAKETIME: offset } });
    failsOnly(report, 'clock', 'M4C_CLOCK', below('clock'));
    assert.match(
      says(report.findings, 'clock'),
      offset === '+1h' ? /(3599|3600|3601) s ahead of/ : /(19|20|21) s behind/,
    );
  }
});

test('the own certificate has expired', async () => {
  copyFileSync(at('keystore.p12'), at('keystore.saved'));
  await expire();
  const report = await doctor(8);
  copyFileSync(at('keystore.saved'), at('keystore.p12'));
  failsOnly(report, 'certificate', 'M4C_CERTIFICATE_INVALID', below('certificate'));
});

test('no password, key or token is shown, whatever is wrong', async () => {
  const secrets = [readFileSync(at('password'), 'utf8').trim()];
  writeFileSync(at('password'), 'another-password\n', { mode: 0o600 });
  const report = await doctor(8);
  writeFileSync(at('password'), `${secrets[0]}\n`);
  failsOnly(report, 'certificate', 'M4C_KEYSTORE_PASSWORD', below('certificate'));
  for (const secret of [...secrets, 'another-password', 'PRIVATE KEY'])
    assert.ok(!report.text.includes(secret));
});

// Red with EXTERNAL demanded whatever the profile says.
test('log-in by password is wanted, and the server has none', async () => {
  const report = await doctor(8, { env: { MOM4C_XMPP_PASSWORD_FILE: at('password') } });
  failsOnly(report, 'xmpp', 'M4C_XMPP_LOGIN', ['log-in', ...CLUSTER]);
  assert.match(says(report.findings, 'xmpp'), /no log-in by password \(SCRAM-SHA-256\)/);
});

test('no profile at all', async () => {
  const { code, stdout } = await mom4c(['--state', folder, 'doctor', '-o', 'json']);
  assert.equal(code, 9);
  failsOnly(reportOf(stdout), 'profile', 'M4C_NO_PROFILE', below('profile'));
});

const CLUSTER = ['manager', 'bus', 'versions', 'nodes'];
/** What stands below a check that everything rests on. */
const below = (check: string): string[] => CHECKS.slice(CHECKS.indexOf(check) + 1);

async function doctor(code: number, options: ProgramOptions = {}): Promise<Report> {
  const ended = await mom4c(['--state', lab.folder, 'doctor', '-o', 'json'], options);
  assert.equal(ended.code, code, `${ended.stdout}\n${ended.stderr}`);
  return { ...reportOf(ended.stdout), text: ended.stdout + ended.stderr };
}

function reportOf(stdout: string): Report {
  const all = JSON.parse(stdout).findings as Finding[];
  const federation = all.find(({ check }) => check === 'federation');
  assert.ok(federation?.level === 'skipped');
  return { findings: all.filter((one) => one !== federation), federation, text: stdout };
}

function failsOnly({ findings }: Report, check: string, code: ErrorCode, skipped: readonly string[]): void {
  assert.deepEqual(failed(findings), [check]);
  const found = findings.find((one) => one.check === check)!;
  assert.deepEqual([found.code, found.remedy], [code, ERRORS[code].fix]);
  assert.deepEqual(
    findings.filter(({ level }) => level === 'skipped').map((one) => one.check),
    skipped,
  );
  const well = findings.filter(({ level }) => level === 'ok').map((one) => one.check);
  assert.deepEqual(
    well,
    CHECKS.filter((one) => one !== check && !skipped.includes(one)),
  );
}

const failed = (findings: readonly Finding[]): string[] =>
  findings.filter(({ level }) => level === 'fail').map(({ check }) => check);

const says = (findings: readonly Finding[], check: string): string =>
  findings.find((one) => one.check === check)?.says ?? '';

/** Killed for that time; then all is well again. */
async function without(part: Component, look: () => Promise<void>): Promise<void> {
  await part.stop({ signal: 'SIGKILL' });
  try {
    await look();
  } finally {
    await part.start();
  }
  for (let findings: Finding[] = []; findings.length === 0 || findings.some(({ level }) => level !== 'ok'); )
    ({ findings } = reportOf((await mom4c(['--state', lab.folder, 'doctor', '-o', 'json'])).stdout));
}

/** The authority of the lab would not do it: a certificate of yesterday, for the same key. */
async function expire(): Promise<void> {
  const password = readFileSync(at('password'), 'utf8').trim();
  const own = await readKeystore(at('keystore.p12'), password);
  const ca = join(lab.folder, 'alpha.test', 'certificate-authority');
  const { key: authorityKey, authority } = await readKeystore(
    join(ca, 'keystore.p12'),
    readFileSync(join(ca, 'password'), 'utf8').trim(),
  );
  const { name, role, domain, addresses, publicKey } = own.certificate;
  const der = await issueCertificate({
    ...{ authority, authorityKey, publicKey, name, role, domain, addresses, random: systemRandom },
    notBefore: Date.now() - 2 * DAY_MS,
    notAfter: Date.now() - DAY_MS,
  });
  await writeKeystore(
    at('keystore.p12'),
    { key: own.key, certificate: readCertificate(der), authority },
    password,
  );
}
