// Mutations seen red, one each: the level from metadata; hosts outside of the domain of the partner taken from metadata, or
// below that of another, or below ours; an identity provider that is named for one partner left to another; hosts of metadata not compared with ours; nor with another
// partner's; metadata's certificates in place of the configured ones; `use` that changes before it has read the files;
// listeners not called; metadata of a level that looks at no certificate used.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Mom4cError, silentLog } from '@mom4c/core';
import type { FederationMetadata, GatewayDescriptor } from '@mom4c/saml';
import { createPartners } from './partners.ts';
import type { PartnerSettings } from './partners.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-partners-'));
after(() => rmSync(folder, { recursive: true }));

type Setting = PartnerSettings['partners'][number];

const setting = (domain: string, more: Partial<Setting> = {}): Setting => ({
  domain,
  level: 'sso',
  certificateFiles: [],
  attributes: {},
  connect: 'always',
  ...more,
});

const gateway = (domain: string, hosts: readonly string[] = [domain]): GatewayDescriptor => ({
  domain,
  hosts,
  entityId: `https://gw.${domain}/metadata`,
  certificates: [Buffer.from(domain)],
  s2s: { host: `gw.${domain}`, port: 5270 },
  agentUrl: `https://gw.${domain}/log-in/`,
  consumerUrls: { post: `https://gw.${domain}/assertion`, paos: `https://gw.${domain}/assertion/paos` },
});

function start(partners: readonly Setting[], ...gateways: GatewayDescriptor[]) {
  let metadata: FederationMetadata | undefined = {
    idps: [],
    gateways,
    validUntil: 0,
    digest: '',
    leftOut: [],
  };
  const told: (() => void)[] = [];
  const settings: PartnerSettings = {
    domain: 'alpha.test',
    xmpp: { host: '127.0.0.1', port: 5223 },
    partners: [...partners],
  };
  const current = createPartners({
    settings,
    metadata: () => metadata,
    onMetadata: (listener) => void told.push(listener),
    log: silentLog,
  });
  return {
    current,
    settings,
    change: (...next: GatewayDescriptor[]): void => {
      metadata = next.length === 0 ? undefined : { ...metadata!, gateways: next };
      for (const listener of told) listener();
    },
  };
}

test('metadata say where a partner is and what it shows; who is one, only the configuration', () => {
  const { current } = start([setting('beta.test')], gateway('beta.test'), gateway('gamma.test'));
  const beta = current.find('beta.test');
  assert.deepEqual(beta?.address, { host: 'gw.beta.test', port: 5270 });
  assert.deepEqual(beta.certificates, [Buffer.from('beta.test')]);
  assert.equal(beta.agent?.domain, 'beta.test');
  assert.equal(current.find('gamma.test'), undefined);
  assert.equal(current.ofHost('gamma.test'), undefined);
  assert.deepEqual(
    current.all().map(({ domain }) => domain),
    ['beta.test'],
  );
});

test('the configuration goes before metadata, and without both the usual holds', () => {
  const address = { host: '192.0.2.1', port: 1 };
  const { current } = start(
    [setting('beta.test', { address, hosts: ['beta.test', 'rooms.beta.test'] }), setting('gamma.test')],
    gateway('beta.test', ['beta.test', 'other.beta.test']),
  );
  assert.deepEqual(current.find('beta.test')?.address, address);
  assert.deepEqual(current.find('beta.test')?.hosts, ['beta.test', 'rooms.beta.test']);
  assert.equal(current.ofHost('rooms.beta.test')?.domain, 'beta.test');
  const gamma = current.find('gamma.test');
  assert.deepEqual([gamma?.address, gamma?.agent, gamma?.certificates], ['srv', undefined, []]);
  assert.deepEqual(gamma?.hosts, ['gamma.test', 'conference.gamma.test']);
});

test('certificates of configuration and metadata count side by side: one of them is renewed', () => {
  const file = join(folder, 'beta.pem');
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    join(folder, 'beta.key'),
  ];
  execFileSync('openssl', ['req', '-x509', ...key, '-subj', '/CN=beta', '-out', file], { stdio: 'pipe' });
  const { raw } = new X509Certificate(readFileSync(file));
  const { current } = start([setting('beta.test', { certificateFiles: [file] })], gateway('beta.test'));
  assert.deepEqual(current.find('beta.test')?.certificates, [raw, Buffer.from('beta.test')]);
});

test('metadata cannot give a partner our hosts, nor those of another', () => {
  const { current } = start(
    [setting('beta.test'), setting('gamma.test')],
    gateway('beta.test', ['beta.test', 'conference.alpha.test', 'gamma.test', 'rooms.beta.test']),
    gateway('gamma.test', ['gamma.test', 'alpha.test', 'conference.beta.test']),
  );
  assert.deepEqual(current.find('beta.test')?.hosts, ['beta.test', 'rooms.beta.test']);
  assert.deepEqual(current.find('gamma.test')?.hosts, ['gamma.test']);
  assert.equal(current.ofHost('alpha.test'), undefined);
});

test('metadata give a partner its domain and what lies below, and nothing at or below that of another or ours', () => {
  const { current } = start(
    [setting('test'), setting('beta.test'), setting('sub.alpha.test')],
    gateway('test', [
      'test',
      'x.test',
      'rooms.beta.test',
      'x.alpha.test',
      'x.sub.alpha.test',
      'mytest',
      'x.org',
    ]),
    gateway('beta.test', ['beta.test', 'x.rooms.beta.test']),
    gateway('sub.alpha.test', ['sub.alpha.test', 'rooms.sub.alpha.test']),
  );
  assert.deepEqual(current.find('test')?.hosts, ['test', 'x.test']);
  assert.deepEqual(current.find('beta.test')?.hosts, ['beta.test', 'x.rooms.beta.test']);
  assert.deepEqual(current.find('sub.alpha.test')?.hosts, ['sub.alpha.test', 'rooms.sub.alpha.test']);
});

test('an identity provider that is named for one partner is kept from all that do not name it', () => {
  const { current, settings } = start([
    setting('beta.test', { identityProviders: ['https://one/', 'https://two/'] }),
    setting('gamma.test', { identityProviders: ['https://two/'] }),
    setting('delta.test'),
  ]);
  const vouchers = (): unknown[] => current.all().map(({ identityProviders }) => identityProviders);
  assert.deepEqual(vouchers(), [
    { only: ['https://one/', 'https://two/'] },
    { only: ['https://two/'] },
    { allBut: ['https://one/', 'https://two/', 'https://two/'] },
  ]);
  current.use({ ...settings, partners: [setting('delta.test')] });
  assert.deepEqual(vouchers(), [undefined]);
});

test('below encrypted metadata say nothing: they describe gateways', () => {
  for (const level of ['verified', 'permissive'] as const) {
    const { current } = start([setting('beta.test', { level })], gateway('beta.test'));
    const beta = current.find('beta.test');
    assert.deepEqual(
      [beta?.level, beta?.address, beta?.certificates, beta?.agent],
      [level, 'srv', [], undefined],
    );
  }
});

test('changes of metadata and of the configuration are told, and what cannot be used changes nothing', () => {
  const { current, settings, change } = start([setting('beta.test')], gateway('beta.test'));
  let told = 0;
  const end = current.onChange(() => void (told += 1));
  change();
  assert.deepEqual([told, current.find('beta.test')?.agent], [1, undefined]);
  current.use({
    ...settings,
    partners: [setting('beta.test'), setting('delta.test', { level: 'verified' })],
  });
  assert.deepEqual([told, current.find('delta.test')?.level], [2, 'verified']);
  assert.throws(
    () => current.use({ ...settings, partners: [setting('x.test', { certificateFiles: ['/nowhere'] })] }),
    (thrown) => thrown instanceof Mom4cError && /x\.test: \/nowhere/.test(thrown.detail ?? ''),
  );
  assert.deepEqual(
    [told, current.find('x.test'), current.find('delta.test')?.domain],
    [2, undefined, 'delta.test'],
  );
  end();
  change();
  assert.equal(told, 2);
});
