// Mutation seen red: TLSVerifyClient allow; `by * write`; NATS `verify: true` for verify_and_map, and users by address
// instead of subject; a plain ejabberd listener, PLAIN left in, another c2s_cafile, a distributed Erlang node. `c2s_ports`
// not empty.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { systemClock, systemRandom } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import {
  familyOf,
  freePort,
  isAlive,
  isPortTaken,
  openFederation,
  startNatsServer,
  startSlapd,
  startXmppServer,
  stopProcess,
  XMPP_SERVERS,
} from '@mom4c/lab';
import type { ProcessRecord, RunningServer, TlsFiles, XmppServerKind } from '@mom4c/lab';
import { createAuthority, issueCertificate, toPem } from '@mom4c/pki';

const DOMAIN = 'alpha.test';
const TE1 = `te1@${DOMAIN}`;
const BASE = 'dc=alpha,dc=test';
const LIMIT_MS = 10_000;

type Made = Awaited<ReturnType<typeof createAuthority>>;

let folder: string;
let authority: Made;
let server: TlsFiles;
const started: ProcessRecord[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-lab-servers-'));
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  authority = await newAuthority();
  server = await issue(authority, 'server', 'server');
});
after(async () => {
  for (const process of started) await stopProcess(process, { signal: 'SIGKILL' });
  rmSync(folder, { recursive: true });
});

// Who gets in as whom: xmpp-log-in.test.ts.
for (const kind of XMPP_SERVERS)
  test(`${kind} takes no plain text, and offers log-in by certificate only`, async () => {
    const xmpp = await startXmpp(kind, at(kind));
    const said = await login(xmpp, await issue(authority, 'te1', 'te'), TE1);
    assert.match(said, /iq-register.*<success/);
    assert.deepEqual(said.match(/<mechanism>.*?<\/mechanism>/g), ['<mechanism>EXTERNAL</mechanism>']);
    const plain = connectTcp({ host: '127.0.0.1', port: xmpp.port });
    assert.equal(await talk(plain, streamHeader, /stream:features/), undefined);
    await assertContained(xmpp);
  });

test('slapd refuses who has no certificate of ours, and only the authority writes', async () => {
  const options = { folder: at('slapd'), ...common() };
  const slapd = await startSlapd(options);
  const ca = await issue(authority, 'ca', 'ca');
  const te1 = await issue(authority, 'te1', 'te');
  const entry = `dn: cn=te1,ou=devices,${BASE}\nobjectClass: device\ncn: te1\n`;
  const read = ['-LLL', '-b', `ou=devices,${BASE}`, '(cn=te1)', 'cn'];

  await assert.rejects(ldap(slapd, undefined, 'ldapsearch', ['-x', ...read]), /Can't contact LDAP server/);
  const stranger = await issue(await newAuthority(), 'ca', 'ca');
  await assert.rejects(ldap(slapd, stranger, 'ldapsearch', ['-x', ...read]), /Can't contact LDAP server/);
  await assert.rejects(ldap(slapd, te1, 'ldapadd', ['-Y', 'EXTERNAL'], entry), /Insufficient access/);
  await assert.rejects(
    ldap(slapd, ca, 'ldapadd', ['-x'], entry),
    /authentication required|Insufficient access/,
  );
  await ldap(slapd, ca, 'ldapadd', ['-Y', 'EXTERNAL'], entry);
  assert.match(await ldap(slapd, te1, 'ldapsearch', ['-Y', 'EXTERNAL', ...read]), /cn: te1/);
  await assertContained(slapd);

  const again = await startSlapd({ ...options, port: slapd.port });
  assert.match(await ldap(again, te1, 'ldapsearch', ['-x', ...read]), /cn: te1/);
  await again.stop();
});

test('nats-server admits cluster managers by name and role, and nobody else', async () => {
  const options = { folder: at('nats'), ...common(), managers: ['cm1', 'cm2'] };
  const nats = await startNatsServer(options);
  const greet = async (of: Made, name: string, role: Role) => natsGreeting(nats, await issue(of, name, role));
  assert.match(await greet(authority, 'cm1', 'cm'), /PONG/);
  assert.match(await greet(authority, 'cm1', 'te'), /Authorization Violation/);
  assert.match(await greet(authority, 'cm3', 'cm'), /Authorization Violation/);
  assert.match(await greet(authority, 'te1', 'te'), /Authorization Violation/);
  assert.equal(await greet(await newAuthority(), 'cm1', 'cm'), '');
  assert.equal(await natsGreeting(nats, undefined), '');
  await assertContained(nats);
});

// Who gets in there: identity-provider.test.ts.
test('the identity provider listens on loopback, and ends with all its workers', async () => {
  const federation = openFederation({
    folder: at('federation'),
    domains: [DOMAIN],
    idpPort: await freePort(),
    random: systemRandom,
    clock: systemClock,
  });
  await federation.create();
  const { onStart } = common();
  const idp = await federation.startIdp(onStart);
  assert.ok(familyOf(idp.process).length > 1);
  await assertContained(idp);
});

test('a server that cannot start says why, names its log, and leaves nothing', async () => {
  const broken = { ...server, key: at('broken.pem') };
  writeFileSync(broken.key, 'no key');
  for (const begin of [
    () => startSlapd({ folder: at('broken-slapd'), ...common(), tls: broken }),
    () => startNatsServer({ folder: at('broken-nats'), ...common(), tls: broken, managers: ['cm1'] }),
  ]) {
    await assert.rejects(begin(), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'M4C_LAB');
      assert.match(error.message, /ended by itself, see .*output\.log:\n./);
      return true;
    });
  }
});

test('a port on which another server listens is refused', async () => {
  const nats = await startNatsServer({ ...common(), folder: at('first'), managers: ['cm1'] });
  const second = startNatsServer({
    folder: at('second'),
    ...common(),
    managers: ['cm1'],
    port: nats.port,
  });
  await assert.rejects(second, /somebody listens on port/);
  await nats.stop();
});

test('two sets of servers run side by side', async () => {
  const set = (name: string) => [
    startXmpp('ejabberd', at(name, 'ejabberd')),
    startXmpp('prosody', at(name, 'prosody')),
    startSlapd({ folder: at(name, 'slapd'), ...common() }),
    startNatsServer({ folder: at(name, 'nats'), ...common(), managers: ['cm1'] }),
  ];
  for (const name of ['one', 'two']) rmSync(at(name), { recursive: true, force: true });
  const servers = await Promise.all([...set('one'), ...set('two')]);
  assert.equal(new Set(servers.map(({ port }) => port)).size, 8);
  assert.ok(servers.every((one) => isAlive(one.process)));
  const cookies = ['one', 'two'].map((name) => readFileSync(at(name, 'ejabberd', '.erlang.cookie'), 'utf8'));
  assert.notEqual(cookies[0], cookies[1]);
  await Promise.all(servers.map(assertContained));
});

/** It listens on its one port of loopback only; and stopping leaves neither a process nor a listener. */
async function assertContained(one: RunningServer): Promise<void> {
  const family = familyOf(one.process);
  assert.deepEqual([...new Set(family.flatMap(({ pid }) => listeners(pid)))], [`127.0.0.1:${one.port}`]);
  await one.stop();
  assert.deepEqual(family.filter(isAlive), []);
  assert.equal(await isPortTaken(one.port), false);
}

/** Where this process listens, from /proc/net/tcp and tcp6 (proc(5)). */
function listeners(pid: number): string[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((name) => linkOf(`/proc/${pid}/fd/${name}`)));
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && sockets.has(`socket:[${fields[9]}]`))
      .map((fields) => addressOf(fields[1] ?? '')),
  );
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    // A connection that has closed meanwhile.
    return '';
  }
}

/** `0100007F:1F90` is 127.0.0.1:8080; IPv6 is left as it stands. */
function addressOf(hex: string): string {
  const [address = '', port = ''] = hex.split(':');
  if (address.length !== 8) return hex;
  return `${[...Buffer.from(address, 'hex')].toReversed().join('.')}:${Number.parseInt(port, 16)}`;
}

const streamHeader = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>`;

/** @returns what the server says, up to the outcome of SASL EXTERNAL (RFC 4422, XEP-0178) */
async function login(one: RunningServer, client: TlsFiles | undefined, jid: string): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port: one.port, servername: DOMAIN, ...identity(client) });
  const address = Buffer.from(jid).toString('base64');
  const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>${address}</auth>`;
  return (await talk(socket, streamHeader + auth, /<success|<failure.*>/)) ?? '';
}

/** @returns what the server says after the handshake, empty if it does not get to that */
async function natsGreeting(one: RunningServer, client: TlsFiles | undefined): Promise<string> {
  const plain = connectTcp({ host: '127.0.0.1', port: one.port });
  // The greeting comes in the clear, and then both sides change to TLS.
  await new Promise((resolve) => plain.once('data', resolve));
  const socket: TLSSocket = connectTls({ socket: plain, host: '127.0.0.1', ...identity(client) });
  return (
    (await talk(socket, 'CONNECT {"verbose":false,"tls_required":true}\r\nPING\r\n', /PONG|-ERR.*\r\n/)) ?? ''
  );
}

/** @returns what was said up to the expected words; undefined if the other side ends before */
function talk(socket: Socket, words: string, expected: RegExp): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (answer: string | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(LIMIT_MS, () => finish(undefined));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (expected.test(text)) finish(text);
    });
    socket.write(words);
  });
}

async function ldap(
  one: RunningServer,
  client: TlsFiles | undefined,
  command: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const env = {
    PATH: '/usr/bin:/bin',
    LDAPTLS_CACERT: server.ca,
    ...(client && { LDAPTLS_CERT: client.cert, LDAPTLS_KEY: client.key }),
  };
  const running = promisify(execFile)(command, ['-H', `ldaps://127.0.0.1:${one.port}`, ...args], {
    env,
    timeout: LIMIT_MS,
  });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

function identity(client: TlsFiles | undefined) {
  return {
    ca: readFileSync(server.ca),
    ...(client && { cert: readFileSync(client.cert), key: readFileSync(client.key) }),
  };
}

function newAuthority(): Promise<Made> {
  return createAuthority({ domain: DOMAIN, clock: systemClock, random: systemRandom, validityDays: 2 });
}

async function issue(from: Made, name: string, role: Role): Promise<TlsFiles> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = systemClock.now();
  const der = await issueCertificate({
    ...{
      authority: from.authority,
      authorityKey: from.key,
      publicKey,
      name,
      role,
      domain: DOMAIN,
      random: systemRandom,
    },
    addresses: role === 'server' ? [] : [`${name}@${DOMAIN}`],
    ...(role === 'server' && { dns: [DOMAIN, `conference.${DOMAIN}`, 'localhost'], ips: ['127.0.0.1'] }),
    notBefore: now - 60_000,
    notAfter: now + 3_600_000,
  });
  const own = mkdtempSync(join(folder, `${name}-`));
  const write = (file: string, text: string) => {
    writeFileSync(join(own, file), text, { mode: 0o600 });
    return join(own, file);
  };
  return {
    cert: write('cert.pem', toPem('CERTIFICATE', der)),
    key: write('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    ca: write('ca.pem', from.authority.pem),
  };
}

/** What the servers have in common; what starts with it is stopped at the end, however its test ends. */
function common() {
  return { domain: DOMAIN, tls: server, onStart: (process: ProcessRecord) => void started.push(process) };
}

function startXmpp(kind: XmppServerKind, own: string): Promise<RunningServer> {
  return startXmppServer(kind, { ...common(), folder: own, managers: ['cm'] });
}

function at(...names: string[]): string {
  return join(folder, ...names);
}
