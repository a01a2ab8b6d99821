// Mutations seen red: a rule left out of ruleFaults (each of the six); only the first fault reported; usual hosts not looked at
// for overlaps; the check of the level encrypted without regard to the federation's metadata; identity providers named below
// sso; metadata by plain http.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { federationGatewaySettings } from './settings.ts';

const plain = {
  domain: 'alpha.test',
  name: 'gw1',
  state: 'state',
  keystore: { file: 'keystore.p12', passwordFile: 'password' },
  authority: { url: 'http://127.0.0.1:1/scep', fingerprint: 'ab'.repeat(32) },
  directory: { url: 'ldaps://127.0.0.1:2', base: 'dc=alpha,dc=test' },
  xmpp: { host: '127.0.0.1', port: 3 },
  nats: { url: 'tls://127.0.0.1:4' },
  component: { port: 5, secretFile: 'secret' },
  s2s: { certFile: 'gw.pem', keyFile: 'gw.key' },
};
const sso = {
  ...plain,
  agent: { port: 6, url: 'https://gw.alpha.test:6/' },
  federation: { metadataFile: 'metadata.xml', signerFiles: ['signer.pem'] },
  login: { method: 'ecp', user: 'alpha', passwordFile: 'password' },
  partners: [{ domain: 'beta.test' }],
};

/** `path: message` of each fault. */
function faultsOf(settings: object): string[] {
  const parsed = federationGatewaySettings.safeParse(settings);
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`).toSorted();
}

test('what fits: a partner by its domain alone, and each level below', () => {
  assert.deepEqual(faultsOf({ ...sso, partners: [{ domain: 'beta.test' }] }), []);
  const { partners } = federationGatewaySettings.parse({ ...sso, partners: [{ domain: 'beta.test' }] });
  assert.deepEqual([partners[0]?.level, partners[0]?.connect], ['sso', 'always']);
  const below = [
    { domain: 'b.test', level: 'encrypted', authorityFile: 'b.pem' },
    { domain: 'c.test', level: 'verified', address: { host: 'xmpp.c.test' } },
    { domain: 'd.test', level: 'permissive', hosts: ['d.test'] },
  ];
  assert.deepEqual(faultsOf({ ...plain, partners: below }), []);
});

test('all rules between settings are told together', () => {
  const settings = {
    ...plain,
    hosts: ['rooms.alpha.test', 'rooms.alpha.test'],
    federation: { signerFiles: ['signer.pem'] },
    login: { method: 'certificate', user: 'alpha' },
    partners: [
      { domain: 'alpha.test' },
      { domain: 'beta.test', authorityFile: 'b.pem' },
      { domain: 'beta.test' },
      { domain: 'c.test', hosts: ['conference.beta.test'], level: 'verified', certificateFiles: ['c.pem'] },
      {
        domain: 'conference.beta.test',
        level: 'permissive',
        attributes: { a: ['b'] },
        identityProviders: ['i'],
      },
    ],
  };
  assert.deepEqual(faultsOf(settings), [
    'agent: is missing: the level sso of alpha.test needs it',
    'federation.metadataFile: needs either metadataFile or metadataUrl, and not both',
    'hosts.1: is there twice',
    'hosts: must hold alpha.test: log-ins are for the domain',
    'login.certFile: is missing: the method certificate needs it',
    'login.keyFile: is missing: the method certificate needs it',
    'partners.0.domain: is the domain of this gateway itself',
    'partners.1.authorityFile: does not fit the level sso: its certificates are pinned',
    'partners.2.domain: beta.test is there twice',
    'partners.3.hosts: conference.beta.test belongs to beta.test already',
    'partners.3.hosts: must hold c.test',
    'partners.3.level: looks at no certificate: name no certificateFiles or authorityFile, or take the level encrypted',
    'partners.4.attributes: need the level sso: only an assertion has attributes',
    'partners.4.domain: conference.beta.test belongs to beta.test already',
    'partners.4.identityProviders: need the level sso: none is asked below it',
  ]);
});

test('encrypted needs evidence, unless the metadata may have it', () => {
  const partners = [{ domain: 'beta.test', level: 'encrypted' }];
  assert.match(faultsOf({ ...plain, partners })[0] ?? '', /^partners.0.certificateFiles: .* needs/);
  assert.deepEqual(faultsOf({ ...sso, partners }), []);
});

test('a log-in by password needs user and password; metadata have one source', () => {
  const login = { method: 'form' };
  assert.deepEqual(faultsOf({ ...sso, login }).length, 2);
  const federation = { ...sso.federation, metadataUrl: 'https://federation.test/metadata.xml' };
  assert.deepEqual(faultsOf({ ...sso, federation }).length, 1);
  const { signerFiles } = federation;
  for (const [metadataUrl, faults] of [
    ['https://federation.test/metadata.xml', 0],
    ['http://federation.test/metadata.xml', 1],
    ['file:///metadata.xml', 1],
  ] as const)
    assert.equal(faultsOf({ ...sso, federation: { signerFiles, metadataUrl } }).length, faults, metadataUrl);
});

test('a host of this domain cannot be a partner’s; the link to the own server stays on the machine', () => {
  const partners = [{ domain: 'beta.test', hosts: ['beta.test', 'conference.alpha.test'] }];
  assert.deepEqual(faultsOf({ ...sso, partners }), [
    'partners.0.hosts: conference.alpha.test belongs to this domain already',
  ]);
  assert.match(faultsOf({ ...sso, component: { ...plain.component, host: '10.0.0.1' } })[0]!, /loopback/);
});
