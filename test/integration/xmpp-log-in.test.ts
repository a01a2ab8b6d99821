/**
 * Who gets into the XMPP server of a domain, and as whom: what counts is the address that the server gives in the end.
 *
 * Mutation seen red: see each test's own line.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { systemClock, systemRandom } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import { startXmppServer } from '@mom4c/lab';
import type { RunningServer, TlsFiles } from '@mom4c/lab';
import { createAuthority, issueCertificate, toPem } from '@mom4c/pki';
import { registerAccount } from '@mom4c/xmpp';
import { silent } from '../support/hostile-client.ts';
import { createOpensslAuthority } from '../support/openssl-authority.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const DOMAIN = 'alpha.test';
const TE1 = `te1@${DOMAIN}`;
const CM1 = `cm1@${DOMAIN}`;
const SERVICE = `cm@${DOMAIN}`;
const HOUR = 3_600_000;
const LIMIT_MS = 20_000;
const HEADER = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>`;
const BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

type Made = Awaited<ReturnType<typeof createAuthority>>;
type Identity = { readonly cert: string; readonly key: string };
/** `text` as it is to go out. */
type Auth = { readonly mechanism?: string; readonly text: string };

let folder: string;
/** Of the domain. */
let authority: Made;
/** Has the same name. */
let stranger: Made;
let server: RunningServer;
let te1: Identity;
let cm1: Identity;
/** Of the server itself. */
let host: Identity;
const running: RunningServer[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-log-in-'));
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  [authority, stranger] = await Promise.all([newAuthority(), newAuthority()]);
  [te1, cm1, host] = await Promise.all([issue('te1', 'te'), issue('cm1', 'cm'), issue('xmpp', 'server')]);
  server = await start('xmpp', filesOf('xmpp', host, authority.authority.pem));
});

after(async () => {
  for (const one of running) await one.stop();
  rmSync(folder, { recursive: true });
});

// Red with `verifyext` left out of Prosody's configuration.
test('a certificate lets its holder in under the addresses that it names', async () => {
  assert.equal(await enter(server, te1, ask(TE1)), TE1);
  assert.equal(await enter(server, cm1, ask(CM1)), CM1);
  assert.equal(await enter(server, cm1, ask(SERVICE)), SERVICE);
});

// Red in mod_auth_certificate with addresses not compared; with neither the verification nor `issued` asked.
test('nobody gets in under an address of another, without a certificate, or with one of another authority', async () => {
  const forged = await issue('te1', 'te', stranger);
  for (const [what, identity, address] of [
    ['service address', te1, SERVICE],
    ['another node', te1, CM1],
    ['another domain', te1, 'te1@beta.test'],
    ['no certificate', undefined, TE1],
    ['stranger', forged, TE1],
    ['service address, by a stranger', await issue('cm1', 'cm', stranger), SERVICE],
  ] as const)
    assert.equal(await enter(server, identity, ask(address)), undefined, what);
});

// Red with certificates of servers that name no address (ejabberd: in as anybody), or with `deny: nobody` left out.
test('the certificate of a server lets nobody in', async () => {
  for (const address of [
    TE1,
    SERVICE,
    `xmpp@${DOMAIN}`,
    `_server@${DOMAIN}`,
    '_server@server.invalid',
    DOMAIN,
  ])
    assert.equal(await enter(server, host, ask(address)), undefined, address);
});

// Red in mod_auth_certificate with neither the verification nor `issued` asked: openssl looks at the time in both.
test('a certificate that has expired, or is not valid yet, lets nobody in', async () => {
  const now = systemClock.now();
  const of = (notBefore: number, notAfter: number): Promise<Identity> =>
    issue('te1', 'te', authority, { notBefore, notAfter });
  assert.equal(await enter(server, await of(now - HOUR, now + HOUR), ask(TE1)), TE1);
  for (const [what, identity] of [
    ['expired', await of(now - 2 * HOUR, now - HOUR)],
    ['not yet', await of(now + HOUR, now + 2 * HOUR)],
  ] as const)
    assert.equal(await enter(server, identity, ask(TE1)), undefined, what);
});

// Red with mod_auth_ccert for mod_auth_certificate: it does not answer.
test('a request that names no address lets in as no other, and is answered', async () => {
  // ejabberd takes the one address that there is.
  const own = XMPP_SERVER === 'ejabberd' ? TE1 : undefined;
  for (const text of ['=', '', '%%%']) {
    assert.equal(await enter(server, cm1, { text }), undefined, text);
    assert.equal(await enter(server, te1, { text }), own, text);
  }
});

// Red with SCRAM-SHA-256 and PLAIN left on: whoever registers `cm` first is the manager.
test('a password lets nobody in, registered or not', async () => {
  const account = { username: 'cm', password: 'taken first' };
  const endpoint = { host: '127.0.0.1', port: server.port, domain: DOMAIN };
  const tls = { ca: authority.authority.pem };
  assert.equal(await registerAccount({ ...endpoint, ...account, tls, log: silent }), 'created');
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  for (const [mechanism, text] of [
    ['PLAIN', base64(`\0${account.username}\0${account.password}`)],
    ['SCRAM-SHA-256', base64(`n,,n=${account.username},r=abcdefgh`)],
    ['SCRAM-SHA-1', base64(`n,,n=${account.username},r=abcdefgh`)],
    ['ANONYMOUS', ''],
    ['X-OAUTH2', base64(`\0${account.username}\0token`)],
  ] as const)
    assert.equal(await enter(server, undefined, { mechanism, text }), undefined, mechanism);
});

// Red in mod_auth_certificate with the verification not asked.
test('a certificate that is good for servers only lets nobody in', async () => {
  const openssl = createOpensslAuthority(folder, 'purpose');
  const { files } = openssl.issue('server', `DNS:${DOMAIN},IP:127.0.0.1`);
  const other = await start('purpose', files);
  const named = `otherName:1.3.6.1.5.5.7.8.5;UTF8:${TE1}`;
  const client = openssl.issue('client', `${named}\nextendedKeyUsage=clientAuth`);
  const hosting = openssl.issue('hosting', `${named}\nextendedKeyUsage=serverAuth`);
  assert.equal(await enter(other, client, ask(TE1)), TE1);
  assert.equal(await enter(other, hosting, ask(TE1)), undefined);
});

// ejabberd 23.01 lets them in: the authority that it trusts must issue nothing of the kind (docs/xmpp-servers.md).
if (XMPP_SERVER === 'prosody') {
  // Red in mod_auth_certificate with host, resource or spelling not compared; with `names` always true.
  test('a certificate of ours that names another domain, no address, or a whole domain lets nobody in', async () => {
    const openssl = createOpensslAuthority(folder);
    const { files } = openssl.issue('server', `DNS:${DOMAIN},IP:127.0.0.1`);
    const other = await start('openssl', files);
    assert.equal(await enter(other, openssl.issueFor('te1', TE1), ask(TE1)), TE1);
    for (const [certificate, address] of [
      [openssl.issueFor('beta', 'cm@beta.test'), 'cm@beta.test'],
      [openssl.issueFor('whole', DOMAIN), SERVICE],
      [openssl.issueFor('resource', `${SERVICE}/active`), `${SERVICE}/active`],
      [openssl.issueFor('case', SERVICE.toUpperCase()), SERVICE.toUpperCase()],
      [openssl.issue('hosts', `DNS:${DOMAIN}`), SERVICE],
      [openssl.issue('mail', `email:${SERVICE}`), SERVICE],
    ] as const)
      assert.equal(await enter(other, certificate, ask(address)), undefined, address);
  });

  // Red in mod_auth_certificate with `issued` not asked.
  test('an authority that the listener trusts beside that of the domain lets nobody in', async () => {
    const pem = authority.authority.pem + stranger.authority.pem;
    const other = await start('two', filesOf('two', host, pem));
    assert.equal(await enter(other, te1, ask(TE1)), TE1);
    assert.equal(await enter(other, await issue('te1', 'te', stranger), ask(TE1)), undefined);
  });
}

const barring = {
  ejabberd: (config: string) => config.replace('["_server"]', '["_server", "te1"]'),
  prosody: (config: string) =>
    config.replace('authentication =', 'barred_accounts = { "te1" } authentication ='),
};
// Red with `deny: nobody` left out (ejabberd), `barred_accounts` not asked in mod_auth_certificate (Prosody).
test('a certificate that is lost can be kept out', async () => {
  const files = filesOf('barring', host, authority.authority.pem);
  const one = await start('barring', files, barring[XMPP_SERVER]);
  assert.equal(await enter(one, cm1, ask(CM1)), CM1);
  assert.equal(await enter(one, te1, ask(TE1)), undefined);
});

// Red with `ip_access` left out (ejabberd), `allowlist_registration_only` left out (Prosody).
test('who is not in a trusted network makes no account', async () => {
  const files = filesOf('closed', host, authority.authority.pem);
  const one = await start('closed', files, (config) => config.replace('127.0.0.0/8', '127.0.0.1/32'));
  assert.equal(await register(one, 'te7', '127.0.0.1'), 'result');
  assert.equal(await register(one, 'te8', '127.0.0.2'), 'error');
  assert.equal(await register(one, 'te8', '127.0.0.1'), 'result', 'it was not made before');
});

function ask(address: string): Auth {
  return { text: Buffer.from(address).toString('base64') };
}

/** Logs in and binds a resource by hand. @returns the bare address that the server gives; undefined if it refuses
 *  @throws Error if the server does neither */
function enter(one: RunningServer, identity: Identity | undefined, auth: Auth): Promise<string | undefined> {
  const { mechanism = 'EXTERNAL', text } = auth;
  // Who the server is is another test's matter.
  const socket = connect({
    ...{ host: '127.0.0.1', port: one.port, servername: DOMAIN, rejectUnauthorized: false },
    ...(identity && { cert: identity.cert, key: identity.key }),
  });
  const steps = [
    { until: '</stream:features>', say: sasl(mechanism, text) },
    { until: '<success', say: HEADER },
    { until: '</stream:features>', say: BIND },
  ];
  return new Promise((resolve, reject) => {
    let heard = '';
    const finish = (address: string | undefined): void => {
      socket.destroy();
      resolve(address);
    };
    socket.setTimeout(LIMIT_MS, () => {
      socket.destroy();
      reject(new Error(`no answer: ${heard.slice(-300)}`));
    });
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      const [step] = steps;
      const bound = /<jid>([^/<]+)/.exec(heard)?.[1];
      if (bound !== undefined || /<failure|type='error'/.test(heard)) return finish(bound);
      if (!step || !heard.includes(step.until)) return;
      steps.shift();
      heard = '';
      socket.write(step.say);
    });
    socket.write(HEADER);
  });
}

function sasl(mechanism: string, text: string): string {
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${text}</auth>`;
}

/** Registers in band by hand, from an address of this machine. @returns the type of the answer */
function register(one: RunningServer, username: string, localAddress: string): Promise<string | undefined> {
  const options = { host: '127.0.0.1', port: one.port, servername: DOMAIN, localAddress };
  const socket = connect({ ...options, rejectUnauthorized: false });
  const fields = `<username>${username}</username><password>p</password>`;
  const query = `<iq type='set' id='r' to='${DOMAIN}'><query xmlns='jabber:iq:register'>${fields}</query></iq>`;
  return new Promise((resolve, reject) => {
    let heard = '';
    let asked = false;
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`no answer: ${heard.slice(-300)}`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed: ${heard.slice(-300)}`)));
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      if (!asked && heard.includes('</stream:features>')) {
        asked = true;
        socket.write(query);
      }
      const [answer] = /<iq [^>]*>/.exec(heard) ?? [];
      if (answer === undefined) return;
      resolve(/type='(\w+)'/.exec(answer)?.[1]);
      socket.destroy();
    });
    socket.write(HEADER);
  });
}

async function start(
  name: string,
  tls: TlsFiles,
  adjust?: (config: string) => string,
): Promise<RunningServer> {
  const own = join(folder, `${name}-server`);
  const options = { folder: own, domain: DOMAIN, tls, managers: ['cm'], adjust };
  const one = await startXmppServer(XMPP_SERVER, options);
  running.push(one);
  return one;
}

function newAuthority(): Promise<Made> {
  return createAuthority({ domain: DOMAIN, clock: systemClock, random: systemRandom, validityDays: 2 });
}

async function issue(
  name: string,
  role: Role,
  from: Made = authority,
  times = { notBefore: systemClock.now() - HOUR, notAfter: systemClock.now() + HOUR },
): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = `${name}@${DOMAIN}`;
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
    addresses: role === 'server' ? [] : role === 'cm' ? [own, SERVICE] : [own],
    ...(role === 'server' && { dns: [DOMAIN, `conference.${DOMAIN}`], ips: ['127.0.0.1'] }),
    ...times,
  });
  return {
    cert: toPem('CERTIFICATE', der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function filesOf(name: string, { cert, key }: Identity, ca: string): TlsFiles {
  const write = (what: string, text: string): string => {
    const file = join(folder, `${name}-${what}.pem`);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return { cert: write('cert', cert), key: write('key', key), ca: write('ca', ca) };
}
