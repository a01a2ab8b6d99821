/**
 * The identity provider of the lab, and the metadata that the operator of its federation signs.
 *
 * Mutations seen red: the discovery service may send anywhere; a changed configuration is read after a minute; a signal for
 * the first process only.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { systemClock as clock, systemRandom as random } from '@mom4c/core';
import {
  type Federation,
  freePort,
  labIdp,
  openFederation,
  type RunningIdp,
  signalProcess,
  until,
} from '@mom4c/lab';
import { type GatewayDescriptor, readMetadata, writeGatewayDescriptor } from '@mom4c/saml';
import { ask } from '../support/https-ask.ts';
import { createIdpClient, type IdpClient } from '../support/idp-client.ts';
import { isError } from '../support/is-error.ts';

const [ALPHA, BETA] = ['alpha.test', 'beta.test'] as const;
let folder: string;
let operator: Federation;
let idp: RunningIdp;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-idp-'));
  chmodSync(folder, 0o711);
  operator = await make({ discovery: true });
  idp = await operator.startIdp();
  await operator.write([ALPHA, BETA].map((domain) => writeGatewayDescriptor(gateway(domain))));
});
after(async () => {
  await idp?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function make(more: { discovery?: boolean }): Promise<Federation> {
  const own = mkdtempSync(join(folder, 'federation-'));
  chmodSync(own, 0o711);
  const federation = openFederation({
    folder: own,
    domains: [ALPHA, BETA],
    idpPort: await freePort(),
    random,
    clock,
    ...more,
  });
  await federation.create();
  return federation;
}

function gateway(domain: string): GatewayDescriptor {
  const base = `https://gateway.${domain}:8443`;
  return {
    domain,
    hosts: [domain, `conference.${domain}`],
    entityId: `${base}/metadata`,
    certificates: [new X509Certificate(readFileSync(operator.files.signer)).raw],
    s2s: { host: `gateway.${domain}`, port: 5269 },
    agentUrl: `${base}/log-in/`,
    consumerUrls: { post: `${base}/assertion`, paos: `${base}/assertion/paos` },
  };
}

function client(user: string): IdpClient {
  return createIdpClient(user, {
    sso: operator.idp.sso,
    metadata: () => readFileSync(operator.files.metadata, 'utf8'),
    signer: readFileSync(operator.files.signer, 'utf8'),
  });
}

function passwordOf(domain: string): string {
  return readFileSync(operator.account(domain).passwordFile, 'utf8').trimEnd();
}

function metadata() {
  const signers = [readFileSync(operator.files.signer, 'utf8')];
  return readMetadata(readFileSync(operator.files.metadata, 'utf8'), { signers, now: Date.now() });
}

/** What that costs the provider. */
async function counted(domain: string, act: () => Promise<unknown>) {
  const read = () => {
    const { password, session, refused } = operator.logins();
    return { password: password[domain] ?? 0, session: session[domain] ?? 0, refused };
  };
  const before = read();
  await act();
  const { password, session, refused } = read();
  return {
    password: password - before.password,
    session: session - before.session,
    refused: refused - before.refused,
  };
}

const NONE = { password: 0, session: 0, refused: 0 };

for (const way of ['ecp', 'form'] as const) {
  test(`${way}: a domain logs in with its password, and from then on with its session`, async () => {
    const alpha = client(ALPHA);
    const first = await counted(ALPHA, async () => {
      const { subject, issuer, attributes } = await alpha[way](gateway(BETA), passwordOf(ALPHA));
      assert.deepEqual(
        { subject, issuer, attributes },
        {
          subject: ALPHA,
          issuer: operator.idp.entityId,
          attributes: { federation: [operator.name], assurance: ['password'] },
        },
      );
    });
    assert.deepEqual(first, { ...NONE, password: 1 });
    const second = await counted(ALPHA, () => alpha[way](gateway(ALPHA)));
    assert.deepEqual(second, { ...NONE, session: 1 });
  });

  test(`${way}: a wrong password, or that of another domain, is refused and counted`, async () => {
    for (const wrong of ['not-it', passwordOf(BETA)])
      assert.deepEqual(await counted(ALPHA, () => assert.rejects(client(ALPHA)[way](gateway(BETA), wrong))), {
        ...NONE,
        refused: 1,
      });
    assert.doesNotMatch(readFileSync(logFile(), 'utf8'), /not-it/);
  });
}

function logFile(): string {
  return join(operator.files.ca, '../idp/log/simplesamlphp.log');
}

test('who is not in the metadata gets no assertion, and the consumer is the one that stands there', async () => {
  const stranger = { ...gateway(BETA), entityId: 'https://gateway.gamma.test/metadata' };
  await assert.rejects(
    client(ALPHA).form(stranger, passwordOf(ALPHA)),
    /no assertion, but 200 and Metadata not found/,
  );
  const thief = {
    ...gateway(BETA),
    consumerUrls: { post: 'https://gamma.test/x', paos: 'https://gamma.test/y' },
  };
  await assert.rejects(client(ALPHA).form(thief, passwordOf(ALPHA)), isError('M4C_ASSERTION_AUDIENCE'));
  await client(ALPHA).form(gateway(BETA), passwordOf(ALPHA));
});

test('the discovery service sends back with the one identity provider there is', async () => {
  const { discovery } = metadata();
  const back = 'https://127.0.0.1:8443/discovery';
  const url = new URL(discovery!);
  url.searchParams.set('entityID', gateway(BETA).entityId);
  url.searchParams.set('return', `${back}?handle=x`);
  const { status, headers } = await ask(url.href);
  assert.ok([302, 303].includes(status), String(status));
  const location = new URL(headers.location!);
  assert.equal(location.origin + location.pathname, back);
  assert.equal(location.searchParams.get('entityID'), operator.idp.entityId);
  assert.equal(location.searchParams.get('handle'), 'x');
  url.searchParams.set('return', 'https://gamma.test/discovery');
  const refused = await ask(url.href);
  assert.equal(refused.headers.location, undefined);
  assert.doesNotMatch(refused.text, /gamma/);
});

test('xmlsec1 accepts the signature of the metadata, and no change to them', () => {
  const text = readFileSync(operator.files.metadata, 'utf8');
  const verify = (xml: string): void => {
    const file = join(folder, 'changed.xml');
    writeFileSync(file, xml);
    const id = ['--id-attr:ID', 'urn:oasis:names:tc:SAML:2.0:metadata:EntitiesDescriptor'];
    execFileSync('xmlsec1', ['--verify', ...id, '--pubkey-cert-pem', operator.files.signer, file], {
      stdio: 'pipe',
    });
  };
  verify(text);
  const changed = text.replace('gateway.beta.test:8443/assertion', 'gateway.gamma.test:8443/assertion');
  assert.notEqual(changed, text);
  assert.throws(() => verify(changed));
});

test('a new key is announced before it is used, and the former one is forgotten afterwards', async () => {
  const certificates = () => metadata().idps[0]!.signingCertificates;
  const [old] = certificates();
  await operator.announceKey();
  assert.equal(certificates().length, 2);
  await client(ALPHA).ecp(gateway(BETA), passwordOf(ALPHA));
  const before = readFileSync(operator.files.metadata, 'utf8');
  await operator.changeKey();
  assert.equal(certificates().length, 1);
  assert.notEqual(certificates()[0], old);
  await client(ALPHA).ecp(gateway(BETA), passwordOf(ALPHA));
  const signer = readFileSync(operator.files.signer, 'utf8');
  const late = createIdpClient(ALPHA, { sso: operator.idp.sso, metadata: () => before, signer });
  await late.ecp(gateway(BETA), passwordOf(ALPHA));
});

test('a provider that stands still answers nobody, and goes on', async () => {
  const part = {
    name: 'idp',
    kind: 'server',
    host: '127.0.0.1',
    port: idp.port,
    process: idp.process,
    running: true,
    start: async () => {},
    stop: async () => {},
    signal: (signal: NodeJS.Signals) => signalProcess(idp.process, signal),
  } as const;
  const still = labIdp(part, operator);
  await client(ALPHA).ecp(gateway(BETA), passwordOf(ALPHA));
  assert.equal(still.signal('SIGSTOP'), true);
  const { pid } = idp.process;
  assert.ok(await until(() => statesOf(pid).every((state) => state === 'T'), 10_000));
  const asked = client(ALPHA).ecp(gateway(BETA), passwordOf(ALPHA));
  assert.equal(still.signal('SIGCONT'), true);
  await asked;
});

/** Of the process and its children, as proc(5) has them. */
function statesOf(pid: number): string[] {
  const stat = (of: string): string[] => readFileSync(`/proc/${of}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return [String(pid), ...children].map((of) => stat(of)[0]!);
}

test('secrets are readable by their owner only', () => {
  const at = (name: string) => join(operator.files.ca, '..', name);
  for (const name of ['operator', 'accounts', 'idp', 'idp/config', 'idp/cert', 'idp/tls'])
    assert.equal(statSync(at(name)).mode & 0o777, 0o700, name);
  for (const file of [operator.account(ALPHA).passwordFile, at('idp/config/authsources.php')])
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  assert.ok(!readFileSync(at('idp/config/authsources.php'), 'utf8').includes(passwordOf(ALPHA)));
});
