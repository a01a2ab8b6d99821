/**
 * The task executor's program started by hand, with a configuration of its own, against the real servers of a lab: its
 * first start, later starts, and each way in which they can fail.
 *
 * Mutation seen red: registration tried once only; pauses without jitter; name in the keystore not compared; token file
 * not deleted; the token's name and role not compared by the authority.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { startLab } from '@mom4c/lab';
import type { DomainDescription, Lab, LabDomain } from '@mom4c/lab';
import { ANY_SERVER } from '../support/any-server.ts';
import { ask, enrolToken } from '../support/cli.ts';
import { STARTED, fingerprintOf, makeNode, startTaskExecutor } from '../support/hand-made-node.ts';
import type { HandMadeNode } from '../support/hand-made-node.ts';
import type { Ended, Program } from '../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-first-start-'));
let lab: Lab | undefined;
let servers: LabDomain;
let domain: DomainDescription;
/** Enrolled by the first test, used by those that follow. */
let te1: HandMadeNode;

before(async () => {
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  lab = await startLab({ folder: join(folder, 'lab'), server: ANY_SERVER, executors: 0 });
  servers = lab.domains[0]!;
  domain = servers.describe();
});

after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true });
});

test('the first start enrols, registers, gets a P-256 key, and joins; the token is used up', async (t) => {
  const token = await enrolToken(lab!.folder, 'te1', 'te');
  te1 = makeNode(folder, 'te1', domain, token);
  const program = start(t, te1);
  await program.take(STARTED);
  assert.equal(statSync(te1.keystore).mode & 0o777, 0o600);
  assert.equal(existsSync(te1.token), false);
  const { certificate, curve } = openKeystore(te1);
  assert.equal(curve, 'prime256v1');
  assert.equal(certificate.subject.split('\n').sort().join(), 'CN=te1,O=alpha.test,OU=te');
  assert.ok(certificate.verify(new X509Certificate(readFileSync(domain.caCertificate)).publicKey));
  await ask(lab!.folder, 'ping --target te1', 0);
  const args = readFileSync(`/proc/${program.pid}/cmdline`, 'utf8');
  const ended = await program.stop();
  assert.equal(ended.code, 0);
  for (const secret of [token, readFileSync(te1.password, 'utf8').trim()])
    for (const text of [args, ended.stdout, ended.stderr])
      assert.equal(text.includes(secret), false, 'a secret got out');
});

test('a later start needs neither a token nor the authority, and keeps its certificate', async (t) => {
  const { certificate } = openKeystore(te1);
  const authority = servers.server('certificate-authority');
  await authority.stop();
  try {
    const program = start(t, te1);
    await program.take(STARTED);
    await ask(lab!.folder, 'ping --target te1', 0);
    assert.equal((await program.stop()).code, 0);
  } finally {
    await authority.start();
  }
  assert.equal(openKeystore(te1).certificate.serialNumber, certificate.serialNumber);
});

test('a token that is wrong, expired, or of another name or role is refused', async () => {
  const [late, ofAnother, ofManager] = await Promise.all([
    enrolToken(lab!.folder, 'late', 'te'),
    enrolToken(lab!.folder, 'somebody', 'te'),
    enrolToken(lab!.folder, 'boss', 'cm'),
  ]);
  expireToken('late');
  const cases = [
    { name: 'guesser', token: 'A'.repeat(27), code: 'M4C_TOKEN_INVALID' },
    { name: 'late', token: late, code: 'M4C_TOKEN_EXPIRED' },
    { name: 'thief', token: ofAnother, code: 'M4C_TOKEN_INVALID' },
    { name: 'boss', token: ofManager, code: 'M4C_TOKEN_INVALID' },
    { name: 'poor', token: undefined, code: 'M4C_NO_TOKEN' },
  ];
  await Promise.all(
    cases.map(async ({ name, token, code }) => {
      const node = makeNode(folder, name, domain, token);
      const ended = await startTaskExecutor(node).ended;
      assertRefused(ended, code, 8);
      assert.match(ended.stderr, /Fix: .*mom4c enroll token/);
      if (token !== undefined) assert.equal((ended.stdout + ended.stderr).includes(token), false);
      assert.equal(existsSync(node.keystore), false);
    }),
  );
  // It was not spent by the one whom it was not for.
  const right = startTaskExecutor(makeNode(folder, 'somebody', domain, ofAnother));
  await right.take(STARTED);
  assert.equal((await right.stop()).code, 0);
});

test('an authority that cannot be reached, or is not the pinned one', async () => {
  const authority = (change: object) => (settings: Record<string, unknown>) => ({
    ...settings,
    authority: { url: domain.scep.url, fingerprint: fingerprintOf(domain.caCertificate), ...change },
  });
  const nowhere = makeNode(
    folder,
    'nowhere',
    domain,
    'B'.repeat(27),
    authority({ url: 'http://127.0.0.1:9/scep' }),
  );
  const deceived = makeNode(
    folder,
    'deceived',
    domain,
    'C'.repeat(27),
    authority({ fingerprint: 'ab'.repeat(32) }),
  );
  const [unreachable, untrusted] = await Promise.all([
    startTaskExecutor(nowhere).ended,
    startTaskExecutor(deceived).ended,
  ]);
  assertRefused(unreachable, 'M4C_CA_UNREACHABLE', 7);
  assertRefused(untrusted, 'M4C_CA_NOT_TRUSTED', 8);
});

test('a keystore that is damaged, locked, open to others, or of somebody else', async () => {
  const from = (name: string, change: (node: HandMadeNode) => void): Promise<Ended> => {
    const node = makeNode(folder, name, domain, undefined);
    copyFileSync(te1.keystore, node.keystore);
    copyFileSync(te1.password, node.password);
    change(node);
    return startTaskExecutor(node).ended;
  };
  const [locked, damaged, open, others] = await Promise.all([
    from('locked', (node) => writeFileSync(node.password, 'another password\n')),
    from('damaged', (node) => writeFileSync(node.keystore, readFileSync(te1.keystore).subarray(0, 600))),
    from('open', (node) => chmodSync(node.keystore, 0o644)),
    from('others', () => {}),
  ]);
  assertRefused(locked, 'M4C_KEYSTORE_PASSWORD', 8);
  assertRefused(damaged, 'M4C_KEYSTORE_UNREADABLE', 8);
  assertRefused(open, 'M4C_KEYSTORE_UNREADABLE', 8);
  assertRefused(others, 'M4C_CERTIFICATE_NAME', 8);
});

test('all faults of a configuration are told at once', async () => {
  const node = makeNode(folder, 'faulty', domain, undefined, (settings) => ({
    ...settings,
    name: 'No Name',
    xmpp: { host: '127.0.0.1', port: 99_999 },
    sensor: { sysfs: '/sys' },
  }));
  const ended = await startTaskExecutor(node).ended;
  assertRefused(ended, 'M4C_CONFIG', 9);
  for (const path of ['name: ', 'xmpp.port: ', 'sensor: ']) assert.ok(ended.stderr.includes(path), path);
});

test('without the XMPP server it keeps trying, at the first start and later, and comes when the server does', async (t) => {
  const te2 = makeNode(folder, 'te2', domain, await enrolToken(lab!.folder, 'te2', 'te'));
  const nodes = await Promise.all(
    [te1, te2].map(async (node) => {
      const door = await openDoor(t, domain.xmpp.port);
      const env = { MOM4C_XMPP_PORT: String(door.port) };
      return { door, program: start(t, node, env) };
    }),
  );
  const tries = await Promise.all(nodes.map(({ door }) => door.tries(5)));
  // Doubling from half a second, four pauses make 7.5 s unless each is drawn; for both of them that is beyond chance.
  const took = tries.map((times) => times[4]! - times[0]!);
  assert.ok(Math.min(...took) < 7_400, `without jitter: ${took.join()} ms`);
  for (const { door } of nodes) door.letThrough();
  for (const { program } of nodes) {
    await program.take(STARTED);
    assert.equal(warnings(program, 'M4C_XMPP_UNREACHABLE'), 1);
  }
  await ask(lab!.folder, 'ping --target te1,te2', 0);
});

test('one that waits for the XMPP server at its first start ends when it is told to', async (t) => {
  const nowhere = (settings: Record<string, unknown>) => ({
    ...settings,
    xmpp: { host: '127.0.0.1', port: 9 },
  });
  const program = start(t, makeNode(folder, 'waiting', domain, 'D'.repeat(27), nowhere));
  await program.take(/"code":"M4C_XMPP_UNREACHABLE"/);
  assert.deepEqual(await program.stop(), { code: 0, stdout: program.stdout, stderr: '' });
});

function start(t: TestContext, node: HandMadeNode, env: Record<string, string> = {}): Program {
  const program = startTaskExecutor(node, { env, limitMs: 170_000 });
  t.after(() => program.stop());
  return program;
}

/** One line for the person who started it: code, reason and remedy; and the exit code. */
function assertRefused({ code, stderr }: Ended, expected: string, exit: number): void {
  assert.match(stderr, new RegExp(`^task-executor: ${expected}: .* Fix: .*\\n$`));
  assert.equal(code, exit, stderr);
}

/** Behind the back of the authority: what time would do. */
function expireToken(name: string): void {
  const state = join(lab!.folder, domain.name, 'certificate-authority', 'state');
  const database = new DatabaseSync(join(state, 'certificate-authority.sqlite'));
  database.prepare('UPDATE tokens SET expires = ? WHERE name = ?').run(Date.now() - 1, name);
  database.close();
}

/** By openssl, as anybody would look into it. */
function openKeystore({ keystore, password }: HandMadeNode): {
  certificate: X509Certificate;
  curve: string | undefined;
} {
  const args = ['pkcs12', '-in', keystore, '-passin', `file:${password}`, '-nodes', '-clcerts'];
  const pem = execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    certificate: new X509Certificate(pem),
    curve: createPrivateKey(pem).asymmetricKeyDetails?.namedCurve,
  };
}

function warnings({ stdout }: Program, code: string): number {
  return stdout.split('\n').filter((line) => line.includes(`"code":"${code}"`)).length;
}

type Door = {
  readonly port: number;
  /** When somebody came, in milliseconds of the monotonic clock; resolves when there are so many. */
  tries(count: number): Promise<number[]>;
  letThrough(): void;
};

/** A way to a server that hangs up on whoever comes, until it lets through. */
async function openDoor(t: TestContext, to: number): Promise<Door> {
  const came: number[] = [];
  let open = false;
  const server = createServer((socket) => {
    came.push(performance.now());
    server.emit('came');
    if (open) pipeline(socket, connect(to, '127.0.0.1'), socket, () => {});
    else socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // It ends with its last connection, once the programs are stopped.
  t.after(() => void server.close());
  return {
    port: (server.address() as AddressInfo).port,
    tries: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (came.length < count) return;
          server.off('came', look);
          resolve(came.slice());
        };
        server.on('came', look);
        look();
      }),
    letThrough: () => void (open = true),
  };
}
