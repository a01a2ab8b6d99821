/**
 * The main job from the user's side: a lab, the command line, and what becomes of a command when nodes, the manager or
 * the XMPP server die in the middle of it. Tests follow each other on one lab, whose state each leaves as it found it.
 *
 * Mutation seen red: progress of the lab on stdout; no-answer with the exit code of a failure; commands of the last run
 * not reported by the manager; a component given all the time there is, so that its failure comes too late.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import * as z from 'zod';
import { familyOf, isAlive, isPortTaken, openLab, until } from '@mom4c/lab';
import type { Component, DomainDescription, LabDomain } from '@mom4c/lab';
import { json, presence, states } from '../support/answers.ts';
import { ask, enrolToken, mom4c } from '../support/cli.ts';
import { STARTED, makeNode, startTaskExecutor } from '../support/hand-made-node.ts';
import { openNodeLog } from '../support/node-log.ts';
import { createOpensslAuthority } from '../support/openssl-authority.ts';
import type { Ended } from '../support/program.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const DOMAIN = 'alpha.test';
const port = z.int().min(1024).max(65_535);
const described = z.strictObject({
  domains: z.array(
    z.strictObject({
      name: z.string(),
      xmpp: z.strictObject({
        server: z.literal(XMPP_SERVER),
        host: z.string(),
        port,
        tls: z.literal('direct'),
      }),
      muc: z.string(),
      ldap: z.strictObject({ url: z.url(), base: z.string() }),
      scep: z.strictObject({ url: z.url() }),
      nats: z.strictObject({ url: z.url() }),
      caCertificate: z.string(),
      adminProfile: z.strictObject({ path: z.string(), certificate: z.string(), key: z.string() }),
      nodes: z.array(
        z.strictObject({
          name: z.string(),
          role: z.enum(['cm', 'te']),
          jid: z.string(),
          pid: z.int().min(2),
        }),
      ),
    }),
  ),
});
const folder = mkdtempSync(join(tmpdir(), 'mom4c-main-job-'));
const state = join(folder, 'lab');
/** For whatever the programs make of their own; must stay empty. */
const temporary = join(folder, 'tmp');
let up: Ended;
let domain: DomainDescription;
let alpha: LabDomain;

before(async () => {
  // Servers that run under users of their own must get to their folders below.
  for (const made of [folder, temporary]) mkdirSync(made, { recursive: true });
  await promisify(execFile)('chmod', ['711', folder]);
  up = await mom4c(['lab', 'up', '--state', state, '--server', XMPP_SERVER, '--executors', '3', '--json'], {
    env: { TMPDIR: temporary },
    limitMs: 150_000,
  });
  assert.equal(up.code, 0, up.stderr);
  domain = JSON.parse(up.stdout.trimEnd().split('\n').at(-1)!).domains[0];
  alpha = openLab(state)!.domain(DOMAIN);
});

after(async () => {
  await openLab(state)?.down();
  rmSync(folder, { recursive: true });
});

test('lab up prints one document of the documented shape to stdout, and all else to stderr', () => {
  assert.match(up.stdout, /^\{.*\}\n$/);
  const { domains } = described.parse(JSON.parse(up.stdout));
  assert.equal(domains.length, 1);
  assert.equal(domain.name, DOMAIN);
  assert.equal(domain.muc, 'conference.alpha.test');
  assert.equal(domain.ldap.base, 'dc=alpha,dc=test');
  assert.deepEqual(
    domain.nodes.map(({ name, role, jid }) => [name, role, jid]),
    [
      ['cm1', 'cm', 'cm1@alpha.test'],
      ['te1', 'te', 'te1@alpha.test'],
      ['te2', 'te', 'te2@alpha.test'],
      ['te3', 'te', 'te3@alpha.test'],
    ],
  );
  for (const { pid } of domain.nodes) assert.ok(existsSync(`/proc/${pid}`), `pid ${pid}`);
  assert.match(up.stderr, /the lab is up/);
});

test('the named authority, and no other, verifies every server under the name of the domain', async () => {
  const ca = readFileSync(domain.caCertificate);
  const stranger = createOpensslAuthority(folder).issue('nobody', `DNS:${DOMAIN}`).ca;
  const ports = [domain.xmpp.port, portOf(domain.ldap.url), portOf(domain.nats.url)];
  for (const each of ports) {
    const certificate = await certificateAt(each, ca);
    for (const name of [DOMAIN, 'localhost']) assert.equal(certificate.checkHost(name), name);
    assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
    await assert.rejects(certificateAt(each, stranger), /self-signed|unable to|SIGNATURE_FAILURE/i);
  }
  const room = await certificateAt(domain.xmpp.port, ca);
  assert.equal(room.checkHost(domain.muc), domain.muc);
});

test('a stock LDAP client finds every node with the certificate of the administrator, and none without', async () => {
  const { adminProfile, caCertificate, ldap } = domain;
  const search = ['-H', ldap.url, '-b', ldap.base, '-LLL', '(userCertificate=*)', 'cn'];
  const env = { PATH: '/usr/bin:/bin', LDAPTLS_CACERT: caCertificate };
  const own = { LDAPTLS_CERT: adminProfile.certificate, LDAPTLS_KEY: adminProfile.key };
  const { stdout } = await promisify(execFile)('ldapsearch', ['-Y', 'EXTERNAL', ...search], {
    env: { ...env, ...own },
  });
  for (const name of ['cm1', 'te1', 'te2', 'te3', 'admin'])
    assert.match(stdout, new RegExp(`^cn: ${name}$`, 'm'));
  await assert.rejects(promisify(execFile)('ldapsearch', ['-x', ...search], { env }));
});

test('lab status tells what runs, and a second lab on the same state is refused', async () => {
  const [status, again] = await Promise.all([
    mom4c(['lab', 'status', '--state', state, '--json']),
    mom4c(['lab', 'up', '--state', state, '--json']),
  ]);
  assert.equal(status.code, 0, status.stderr);
  const [told] = JSON.parse(status.stdout).domains;
  assert.deepEqual(
    told.servers.map(({ name, alive }: { name: string; alive: boolean }) => [name, alive]),
    [XMPP_SERVER, 'slapd', 'nats-server', 'certificate-authority'].map((name) => [name, true]),
  );
  assert.ok(told.nodes.every(({ alive }: { alive: boolean }) => alive));
  assert.equal(again.code, 7);
  assert.equal(again.stdout, '');
  assert.match(again.stderr, /^M4C_LAB: .*runs in .* already/m);
  assert.match((await mom4c(['lab', 'status', '--state', folder])).stderr, /M4C_NO_PROFILE/);
});

test('te3 dies in the middle of a command: its line says no-answer, the others did it', async () => {
  const te3 = alpha.node('te3');
  const family = familyOf(te3.process!);
  const agent = sensorAgent(te3);
  process.kill(agent, 'SIGSTOP');
  const log = openNodeLog(te3.process!.logFile);
  const mark = log.mark();
  const asked = json(state, 'listsensors --timeout 4s', 4);
  await log.next(mark, 'command', isTaken);
  // Only the one process: what it has started must go by itself.
  te3.signal('SIGKILL');
  const { outcomes } = await asked;
  assert.deepEqual(states(outcomes), [
    ['te1', 'ok'],
    ['te2', 'ok'],
    ['te3', 'no-answer'],
  ]);
  assert.equal(outcomes[2]?.error?.code, 'M4C_NO_ANSWER');
  assert.ok(await until(() => !family.some(isAlive), 5000), 'its agent or its bus has survived');
});

test('a target that is absent is told at once, and is back once it has started again', async () => {
  const te3 = alpha.node('te3');
  const begun = performance.now();
  const [all, one, table, status] = await Promise.all([
    json(state, 'ping --timeout 60s', 4),
    json(state, 'ping --target te3 --timeout 60s', 4),
    ask(state, 'ping --target te3 --timeout 60s', 4),
    mom4c(['lab', 'status', '--state', state]),
  ]);
  assert.ok(performance.now() - begun < 50_000, 'it waited for the deadline');
  assert.deepEqual(states(all.outcomes), [
    ['te1', 'ok'],
    ['te2', 'ok'],
    ['te3', 'no-answer'],
  ]);
  for (const outcome of [all.outcomes[2], one.outcomes[0]])
    assert.equal(outcome?.error?.code, 'M4C_TARGET_ABSENT');
  assert.match(table.stdout, /^te3 +no-answer +M4C_TARGET_ABSENT: /m);
  assert.equal(status.code, 7);
  assert.match(status.stderr, /not running: te3 of alpha\.test/);
  assert.deepEqual(presence(await json(state, 'nodes', 0)), { cm1: true, te1: true, te2: true, te3: false });
  await te3.start();
  await json(state, 'ping --target te3', 0);
});

test('a node that is stopped whole does not answer by the deadline; once it goes on, the next command works', async () => {
  const te2 = alpha.node('te2');
  te2.signal('SIGSTOP');
  try {
    const [room, direct] = await Promise.all([
      json(state, 'ping --timeout 3s', 4),
      json(state, 'ping --target te2 --timeout 3s', 4),
    ]);
    assert.deepEqual(states(room.outcomes), [
      ['te1', 'ok'],
      ['te2', 'no-answer'],
      ['te3', 'ok'],
    ]);
    assert.equal(direct.outcomes[0]?.error?.code, 'M4C_NO_ANSWER');
  } finally {
    te2.signal('SIGCONT');
  }
  assert.equal((await json(state, 'ping', 0)).outcomes.length, 3);
});

test('a component that does not answer is a failure of its node, told before the deadline', async () => {
  const agent = sensorAgent(alpha.node('te1'));
  process.kill(agent, 'SIGSTOP');
  try {
    const { outcomes } = await json(state, 'listsensors --timeout 4s', 3);
    assert.deepEqual(states(outcomes), [
      ['te1', 'failed'],
      ['te2', 'ok'],
      ['te3', 'ok'],
    ]);
    assert.equal(outcomes[0]?.error?.code, 'M4C_AGENT_TIMEOUT');
  } finally {
    process.kill(agent, 'SIGCONT');
  }
  await json(state, 'listsensors', 0);
});

test('the manager is killed with a command under way: its next run goes on with it, and the nodes come back', async () => {
  const cm1 = alpha.node('cm1');
  const agent = sensorAgent(alpha.node('te1'));
  process.kill(agent, 'SIGSTOP');
  try {
    const te1 = openNodeLog(alpha.node('te1').process!.logFile);
    const begin = te1.mark();
    const asked = json(state, 'listsensors --timeout 60s', 3);
    await te1.next(begin, 'command', isTaken);
    const log = openNodeLog(cm1.process!.logFile);
    const mark = log.mark();
    await cm1.stop({ signal: 'SIGKILL' });
    await cm1.start();
    const { outcomes } = await asked;
    assert.deepEqual(
      outcomes.map(({ target, state: outcome, error }) => [target, outcome, error?.code]),
      [
        ['te1', 'failed', 'M4C_AGENT_TIMEOUT'],
        ['te2', 'ok', undefined],
        ['te3', 'ok', undefined],
      ],
    );
    await log.next(mark, 'three nodes', ({ msg }) => msg === 'present', 3);
  } finally {
    process.kill(agent, 'SIGCONT');
  }
  assert.equal((await json(state, 'listsensors', 0)).outcomes.length, 3);
});

test('the XMPP server goes away and comes back: so does everybody but who died meanwhile', async () => {
  const server = alpha.xmppServer;
  const te3 = alpha.node('te3');
  // So that it cannot say who leaves with it.
  await server.stop({ signal: 'SIGKILL' });
  await te3.stop({ signal: 'SIGKILL' });
  await server.start();
  const others = ['cm1', 'te1', 'te2'].map((name) => alpha.node(name));
  assert.ok(await until(() => allHealthy(others), 60_000), 'not everybody has come back');
  const [listed, answer] = await Promise.all([
    json(state, 'nodes', 0),
    json(state, 'listsensors --timeout 20s', 4),
  ]);
  assert.deepEqual(presence(listed), { cm1: true, te1: true, te2: true, te3: false });
  assert.deepEqual(states(answer.outcomes).slice(0, 2), [
    ['te1', 'ok'],
    ['te2', 'ok'],
  ]);
  assert.equal(answer.outcomes[2]?.error?.code, 'M4C_TARGET_ABSENT');
  await te3.start();
  assert.equal((await json(state, 'listsensors', 0)).outcomes.length, 3);
});

test('a token lets one more node in, which then shows up', async (t) => {
  const token = await enrolToken(state, 'te9', 'te');
  assert.match(token, /^[\w-]{20,}$/);
  const te9 = startTaskExecutor(makeNode(folder, 'te9', domain, token));
  t.after(() => te9.stop());
  await te9.take(STARTED);
  const everybody = { cm1: true, te1: true, te2: true, te3: true, te9: true };
  const listed = await json(state, 'nodes', 0);
  assert.deepEqual(presence(listed), everybody);
  await json(state, 'ping --target te9,te1', 0);
  assert.equal((await te9.stop()).code, 0);
  assert.deepEqual(presence(await json(state, 'nodes', 0)), { ...everybody, te9: false });
});

test('lab down leaves no process, no port and no file', async () => {
  const processes = alpha.components.flatMap((part) => familyOf(part.process!));
  const listening = [...alpha.components.map((part) => part.port), portOf(adminUrl())];
  // Task executors have agents.
  assert.ok(processes.length > alpha.components.length);
  const down = await mom4c(['lab', 'down', '--state', state]);
  assert.equal(down.code, 0, down.stderr);
  assert.deepEqual(processes.filter(isAlive), []);
  for (const each of listening) assert.equal(await isPortTaken(each), false, `port ${each}`);
  assert.equal(existsSync(state), false);
  assert.deepEqual(readdirSync(temporary), []);
  assert.equal((await mom4c(['lab', 'status', '--state', state])).code, 9);
});

const isTaken = ({ msg }: { msg: string }): boolean => msg === 'taken';

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function adminUrl(): string {
  return /admin:\n +url: "(.*)"/.exec(readFileSync(domain.adminProfile.path, 'utf8'))![1]!;
}

/** The process behind a node that reads its sensors. */
function sensorAgent({ process: record }: Component): number {
  const agent = familyOf(record!).find(({ pid }) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sensor-agent'),
  );
  assert.ok(agent, 'it has no sensor agent');
  return agent.pid;
}

async function allHealthy(nodes: readonly Component[]): Promise<boolean> {
  const healthy = await Promise.all(
    nodes.map((node) =>
      fetch(`http://127.0.0.1:${node.port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    ),
  );
  return healthy.every(Boolean);
}

/** What the server at this port shows to a client that trusts `ca` only. Rejects if that does not verify it. */
async function certificateAt(at: number, ca: Buffer | string): Promise<X509Certificate> {
  const tcp = connectTcp({ host: '127.0.0.1', port: at });
  // NATS greets in the clear, and then both sides change to TLS.
  if (at === portOf(domain.nats.url)) await new Promise((resolve) => tcp.once('data', resolve));
  const socket: TLSSocket = connectTls({ socket: tcp, servername: DOMAIN, ca });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return socket.getPeerX509Certificate()!;
  } finally {
    socket.on('error', () => {});
    socket.destroy();
  }
}
