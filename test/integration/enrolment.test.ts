/**
 * How a node gets in and out, on the real servers of a lab: by the approval of an administrator, although an answer was
 * lost, and out by revocation.
 *
 * Mutation seen red: the enrolment key not kept over a restart; a new transaction for each request; a default of
 * `approval` in the node's settings.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { startLab } from '@mom4c/lab';
import type { DomainDescription, Lab } from '@mom4c/lab';
import { ANY_SERVER } from '../support/any-server.ts';
import { ask, enrolToken } from '../support/cli.ts';
import { STARTED, fingerprintOf, makeNode, startTaskExecutor } from '../support/hand-made-node.ts';
import type { HandMadeNode } from '../support/hand-made-node.ts';
import type { Program } from '../support/program.ts';

type Waiting = { id: string; state: string; fingerprint: string; subject: { name: string } };

const folder = mkdtempSync(join(tmpdir(), 'mom4c-enrolment-'));
let lab: Lab;
let domain: DomainDescription;

before(async () => {
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  lab = await startLab({ folder: join(folder, 'lab'), server: ANY_SERVER, executors: 0 });
  domain = lab.domains[0]!.describe();
});

after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true });
});

test('a node without a token asks for nothing; an authority that is not told otherwise refuses one that asks', async () => {
  const quiet = await startTaskExecutor(makeNode(folder, 'quiet', domain, undefined)).ended;
  assert.match(quiet.stderr, /M4C_NO_TOKEN/);
  const asking = await startTaskExecutor(makeNode(folder, 'asking', domain, undefined, byApproval)).ended;
  assert.match(asking.stderr, /M4C_TOKEN_INVALID/);
  const { stdout } = await ask(lab.folder, 'enroll list -o json', 0);
  assert.deepEqual(JSON.parse(stdout), { enrolments: [] });
});

test('a node waits for approval, also after a restart, and gets the name that the administrator gives', async (t) => {
  const authority = lab.domains[0]!.server('certificate-authority');
  const settings = join(dirname(authority.process!.logFile), 'config.yaml');
  await authority.stop();
  appendFileSync(settings, 'enrolment:\n  withoutToken: approval\n');
  await authority.start();

  const node = makeNode(folder, 'te1', domain, undefined, byApproval);
  const first = start(t, node);
  const [, fingerprint] = await first.take(/"keyFingerprint":"([0-9a-f]{64})"/);
  await first.stop('SIGKILL');
  assert.equal(statSync(`${node.keystore}.enrolment`).mode & 0o777, 0o600);
  const second = start(t, node);
  const [, again] = await second.take(/"keyFingerprint":"([0-9a-f]{64})"/);
  assert.equal(again, fingerprint);

  const [waiting, ...more] = await enrolments();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [waiting!.state, waiting!.fingerprint, waiting!.subject.name],
    ['pending', fingerprint, 'te1'],
  );
  const table = await ask(lab.folder, 'enroll list', 0);
  assert.ok(table.stdout.includes(fingerprint!));

  // What is refused changes nothing.
  await ask(lab.folder, `enroll approve ${waiting!.id} --name cm --role te`, 2);
  await ask(lab.folder, 'enroll approve 0123456789 --name te1 --role te', 6);
  await ask(lab.folder, `enroll approve ../tokens --name te1 --role te`, 2);
  await ask(lab.folder, `enroll approve ${waiting!.id} --name te1 --role te`, 0);
  await second.take(STARTED);
  assert.equal(existsSync(`${node.keystore}.enrolment`), false);
  await ask(lab.folder, 'ping --target te1', 0);
  assert.deepEqual(
    (await enrolments()).map(({ state }) => state),
    ['approved'],
  );
  assert.equal((await second.stop()).code, 0);
});

test('a node that is rejected ends, and says why', async () => {
  const node = makeNode(folder, 'te-bad', domain, undefined, byApproval);
  const program = startTaskExecutor(node, { limitMs: 170_000 });
  await program.take(/"keyFingerprint":"/);
  const waiting = (await enrolments()).find(({ state }) => state === 'pending')!;
  await ask(lab.folder, `enroll reject ${waiting.id}`, 0);
  const ended = await program.ended;
  assert.match(ended.stderr, /M4C_ENROLMENT_REJECTED/);
  assert.equal(ended.code, 8);
  assert.equal(existsSync(node.keystore), false);
});

test('an answer that is lost costs nothing: the next start gets the same certificate', async (t) => {
  const relay = await startLossyRelay(t, domain.scep.url);
  const through = (settings: Record<string, unknown>) => ({
    ...settings,
    authority: { url: relay.url, fingerprint: fingerprintOf(domain.caCertificate) },
  });
  const token = await enrolToken(lab.folder, 'te2', 'te');
  const node = makeNode(folder, 'te2', domain, token, through);
  const first = await startTaskExecutor(node).ended;
  assert.match(first.stderr, /M4C_CA_UNREACHABLE/);
  assert.equal(relay.lost, 1, 'the authority had answered');
  assert.deepEqual([existsSync(node.keystore), existsSync(node.token)], [false, true]);

  // Somebody else with the same token and a key of his own: it is used up.
  const thief = await startTaskExecutor(makeNode(join(folder, 'te2'), 'te2', domain, token)).ended;
  assert.match(thief.stderr, /M4C_TOKEN_INVALID/);

  const second = start(t, node);
  await second.take(STARTED);
  const log = lab.domains[0]!.server('certificate-authority').process!.logFile;
  const said = execFileSync('grep', ['-c', '"audit":"repeated".*"te2"', log], { encoding: 'utf8' });
  assert.equal(said.trim(), '1');
  assert.deepEqual([existsSync(node.token), existsSync(`${node.keystore}.enrolment`)], [false, false]);
  assert.equal((await second.stop()).code, 0);
});

test('a revoked node is out of the directory and on the list, and comes in again with a new token only', async (t) => {
  assert.deepEqual(await published('te1'), 2);
  const unused = await enrolToken(lab.folder, 'te1', 'te');
  const revoked = await ask(lab.folder, 'enroll revoke te1 --reason keyCompromise', 0);
  assert.equal(revoked.stdout.match(/ te1 /g)?.length, 2);
  assert.match(revoked.stderr, /1 unused tokens/);
  await ask(lab.folder, 'enroll revoke te1', 6);
  await ask(lab.folder, 'enroll revoke', 2);

  const list = join(folder, 'list.crl');
  const answer = await fetch(domain.scep.url.replace(/scep$/, 'crl'));
  assert.equal(answer.headers.get('content-type'), 'application/pkix-crl');
  writeFileSync(list, new Uint8Array(await answer.arrayBuffer()));
  const openssl = ['crl', '-inform', 'DER', '-in', list, '-CAfile', domain.caCertificate, '-noout', '-text'];
  const text = execFileSync('openssl', openssl, { encoding: 'utf8', stdio: 'pipe' });
  assert.equal(text.match(/Key Compromise/g)?.length, 2);
  await untilPublished('te1', 0);

  const thief = await startTaskExecutor(makeNode(join(folder, 'te1'), 'te1', domain, unused)).ended;
  assert.match(thief.stderr, /M4C_TOKEN_INVALID/);
  const replaced = makeNode(join(folder, 'te-bad'), 'te1', domain, await enrolToken(lab.folder, 'te1', 'te'));
  const program = start(t, replaced);
  await program.take(STARTED);
  await ask(lab.folder, 'ping --target te1', 0);
  assert.equal((await program.stop()).code, 0);
});

test('one certificate is revoked by its serial number, and the others of its name stay', async () => {
  assert.equal(await published('te2'), 2);
  await ask(lab.folder, 'enroll revoke --serial 00ff', 6);
  const { keystore, password } = nodeAt('te2');
  const args = ['pkcs12', '-in', keystore, '-passin', `file:${password}`, '-nodes', '-clcerts', '-nokeys'];
  const { serialNumber } = new X509Certificate(execFileSync('openssl', args, { stdio: 'pipe' }));
  await ask(lab.folder, `enroll revoke te2 --serial ${serialNumber}`, 2);
  const { stdout } = await ask(lab.folder, `enroll revoke --serial ${serialNumber}`, 0);
  assert.match(stdout, new RegExp(`^${serialNumber.toLowerCase()}  te2 `, 'm'));
  await untilPublished('te2', 1);
});

// --- helpers --------------------------------------------------------------------------------------------------

function byApproval(settings: Record<string, unknown>): Record<string, unknown> {
  const { tokenFile: _none, ...rest } = settings;
  return { ...rest, enrolment: 'approval' };
}

/** Paths of one that a test before has made. */
function nodeAt(name: string): Pick<HandMadeNode, 'keystore' | 'password'> {
  return { keystore: join(folder, name, 'keystore.p12'), password: join(folder, name, 'password') };
}

function start(t: TestContext, node: HandMadeNode): Program {
  const program = startTaskExecutor(node, { limitMs: 170_000 });
  t.after(() => program.stop());
  return program;
}

async function enrolments(): Promise<Waiting[]> {
  const { stdout } = await ask(lab.folder, 'enroll list -o json', 0);
  return (JSON.parse(stdout) as { enrolments: Waiting[] }).enrolments;
}

/** How many certificates the directory has of a name, as a stock client sees it. */
async function published(name: string): Promise<number> {
  const { certificate, key } = domain.adminProfile;
  const tls = { LDAPTLS_CACERT: domain.caCertificate, LDAPTLS_CERT: certificate, LDAPTLS_KEY: key };
  const { url, base } = domain.ldap;
  const what = [
    '-x',
    '-LLL',
    '-H',
    url,
    '-b',
    `ou=devices,${base}`,
    `(cn=${name})`,
    'userCertificate;binary',
  ];
  const env = { ...process.env, ...tls };
  const found = execFileSync('ldapsearch', what, { env, encoding: 'utf8', stdio: 'pipe' });
  return found.match(/^userCertificate;binary::/gm)?.length ?? 0;
}

/** slapd tells of no changes here. */
async function untilPublished(name: string, count: number): Promise<void> {
  for (const until = Date.now() + 20_000; (await published(name)) !== count; )
    assert.ok(Date.now() < until, `${name}: ${count} certificates expected in the directory`);
}

/** Passes everything on; but the first answer to a PKIOperation does not come back. */
async function startLossyRelay(t: TestContext, target: string) {
  const state = { url: '', lost: 0 };
  const server = createServer((incoming, response) => {
    void (async () => {
      const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
      const request = incoming.method === 'POST' ? { method: 'POST', body: Uint8Array.from(body) } : {};
      const answer = await fetch(new URL(incoming.url ?? '', target), request);
      const octets = Buffer.from(await answer.arrayBuffer());
      if (incoming.method === 'POST' && state.lost === 0) {
        state.lost += 1;
        incoming.socket.destroy();
        return;
      }
      response.end(octets);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scep`;
  return state;
}
