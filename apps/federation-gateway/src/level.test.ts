// Mutations seen red, one each: `certificates` not compared octet by octet; the certificate's time not looked at; that of
// the authority not; the host not looked for; the xmppAddr not; the xmppAddr looked for anywhere in the names; the signature of the authority
// not verified; a CA accepted as a server; another extended key usage accepted; a certificate of the authority's file that is no CA taken for one; the
// partner's hosts not looked at; sso by 'either' TLS; encrypted without `verify`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { isError } from './test-fakes.ts';
import { policyOf, warningOf } from './level.ts';
import { LEVELS } from './partner.ts';
import type { Level, Partner } from './partner.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-level-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });

const DAY = 86_400_000;
/** After all of them were made. */
const NOW = Date.now() + 3_600_000;

/** A key and a certificate that `extensions` describe, of the openssl program. @param issuer itself where absent */
function make(
  name: string,
  extensions: readonly string[],
  issuer?: string,
  days = 2,
  subject = name,
): X509Certificate {
  writeFileSync(at(`${name}.cnf`), `[req]\ndistinguished_name=d\n[d]\n[e]\n${extensions.join('\n')}\n`);
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at(`${name}.key`),
  ];
  const request = ['-subj', `/CN=${subject}`, '-config', at(`${name}.cnf`)];
  openssl('req', '-new', ...key, ...request, '-out', at(`${name}.csr`));
  const signer =
    issuer === undefined
      ? ['-signkey', at(`${name}.key`)]
      : ['-CA', at(`${issuer}.pem`), '-CAkey', at(`${issuer}.key`), '-CAcreateserial'];
  const ext = extensions.length === 0 ? [] : ['-extfile', at(`${name}.cnf`), '-extensions', 'e'];
  openssl(
    'x509',
    '-req',
    '-in',
    at(`${name}.csr`),
    ...signer,
    '-days',
    String(days),
    ...ext,
    '-out',
    at(`${name}.pem`),
  );
  return new X509Certificate(pem(name));
}
const pem = (name: string): string => readFileSync(at(`${name}.pem`), 'utf8');
const XMPP = '1.3.6.1.5.5.7.8.5';

make('ca', ['basicConstraints=critical,CA:TRUE']);
make('old-ca', ['basicConstraints=critical,CA:TRUE'], undefined, 1);
make('no-ca', ['basicConstraints=CA:FALSE']);
const good = make(
  'good',
  ['subjectAltName=DNS:beta.test,DNS:conference.beta.test', 'extendedKeyUsage=serverAuth'],
  'ca',
);
const byAddress = make('by-address', [`subjectAltName=otherName:${XMPP};UTF8:beta.test`], 'ca');

function partner(level: Level, known: Partial<Partner> = {}): Partner {
  return {
    domain: 'beta.test',
    level,
    hosts: ['beta.test', 'conference.beta.test'],
    address: 'srv',
    certificates: [],
    authority: undefined,
    agent: undefined,
    attributes: {},
    connect: 'always',
    ...known,
  };
}

/** What the partner's policy says to this certificate: `undefined`, or the detail of its refusal. */
function said(
  of: Partner,
  certificate: X509Certificate | undefined,
  host = 'beta.test',
  now = NOW,
): string | undefined {
  const { verify } = policyOf(of, { now: () => now });
  try {
    verify?.(certificate && { der: certificate.raw, chain: [] }, host);
    return undefined;
  } catch (thrown) {
    assert.ok(thrown instanceof Mom4cError && thrown.code === 'M4C_PARTNER_CERTIFICATE', String(thrown));
    return thrown.detail;
  }
}

test('what each level asks of TLS and authentication', () => {
  const asks = LEVELS.map((level) => {
    const { tls, minVersion, authentication, verify } = policyOf(partner(level), { now: () => NOW });
    return [level, tls, minVersion, authentication, verify !== undefined];
  });
  assert.deepEqual(asks, [
    ['permissive', 'opportunistic', 'TLSv1.2', 'none', false],
    ['verified', 'opportunistic', 'TLSv1.2', 'dialback', false],
    ['encrypted', 'either', 'TLSv1.2', 'EXTERNAL', true],
    ['sso', 'direct', 'TLSv1.3', 'SAML20', true],
  ]);
  assert.deepEqual(
    LEVELS.map((level) => warningOf(level) !== undefined),
    [true, true, true, false],
  );
});

for (const level of ['sso', 'encrypted'] as const)
  test(`${level}: a pinned certificate, and no other, in its time`, () => {
    const other = make(`other-${level}`, ['subjectAltName=DNS:beta.test'], 'ca');
    const pinned = partner(level, { certificates: [other.raw, good.raw] });
    assert.equal(said(pinned, good), undefined);
    assert.equal(said(pinned, other), undefined);
    assert.match(said(pinned, byAddress) ?? '', /not one of beta.test/);
    assert.match(said(pinned, undefined) ?? '', /there is none/);
    assert.match(said(partner(level, { certificates: [other.raw] }), good) ?? '', /not one of/);
    assert.match(said(pinned, good, 'beta.test', NOW - DAY) ?? '', /not valid yet/);
    assert.match(said(pinned, good, 'beta.test', NOW + 3 * DAY) ?? '', /expired/);
  });

test('sso pins: the authority of a partner does not count there', () => {
  const pinned = partner('sso', { authority: pem('ca'), certificates: [byAddress.raw] });
  assert.match(said(pinned, good) ?? '', /not one of/);
});

test('sso: where no certificate is known, it is said that the metadata have none', () => {
  const { verify } = policyOf(partner('sso'), { now: () => NOW });
  assert.throws(
    () => verify?.({ der: good.raw, chain: [] }, 'beta.test'),
    isError('M4C_METADATA', /beta\.test/),
  );
});

test('encrypted: under the authority, for the host, by DNS name or XMPP address', () => {
  const known = partner('encrypted', { authority: `${pem('no-ca')}${pem('ca')}` });
  assert.equal(said(known, good), undefined);
  assert.equal(said(known, good, 'conference.beta.test'), undefined);
  assert.equal(said(known, byAddress), undefined);
  assert.match(said(known, byAddress, 'conference.beta.test') ?? '', /does not name conference/);
  assert.match(said(known, good, 'gamma.test') ?? '', /no host of beta.test/);
});

const nested = (kind: string, prefix: string): string[] => [
  'subjectAltName=@names',
  '[names]',
  `${kind}=${prefix}x, othername:XmppAddr:beta.test, y`,
];

test('encrypted: what an authority is misused for', () => {
  const known = partner('encrypted', { authority: `${pem('ca')}${pem('no-ca')}` });
  const cases: [string, X509Certificate, RegExp][] = [
    ['another host', make('x1', ['subjectAltName=DNS:gamma.test'], 'ca'), /does not name/],
    ['the subject alone', make('beta.test', [], 'ca'), /does not name/],
    [
      'an account of the host',
      make('x2', [`subjectAltName=otherName:${XMPP};UTF8:eve@beta.test`], 'ca'),
      /does not name/,
    ],
    ['a name that holds another', make('x3', nested('otherName.1', `${XMPP};UTF8:`), 'ca'), /does not name/],
    ['a DNS name that holds another', make('x9', nested('DNS.1', ''), 'ca'), /does not name/],
    [
      'an authority under it',
      make('x4', ['subjectAltName=DNS:beta.test', 'basicConstraints=CA:TRUE'], 'ca'),
      /not for servers/,
    ],
    [
      'for mail',
      make('x5', ['subjectAltName=DNS:beta.test', 'extendedKeyUsage=emailProtection'], 'ca'),
      /not for servers/,
    ],
    ['issued by itself', make('x6', ['subjectAltName=DNS:beta.test']), /has not issued it/],
    [
      'issued by one that is no authority',
      make('x7', ['subjectAltName=DNS:beta.test'], 'no-ca'),
      /has not issued it/,
    ],
  ];
  for (const [what, certificate, reason] of cases)
    assert.match(said(known, certificate) ?? 'accepted', reason, what);
  // One of the same name, with a key of its own.
  make('imposter', ['basicConstraints=critical,CA:TRUE'], undefined, 2, 'ca');
  assert.match(
    said(known, make('x8', ['subjectAltName=DNS:beta.test', 'authorityKeyIdentifier=none'], 'imposter')) ??
      '',
    /has not issued it/,
  );
});

test('encrypted: an authority that has expired issues nothing', () => {
  const late = make('late', ['subjectAltName=DNS:beta.test'], 'old-ca', 9);
  const known = partner('encrypted', { authority: pem('old-ca') });
  assert.equal(said(known, late), undefined);
  assert.match(said(known, late, 'beta.test', NOW + 3 * DAY) ?? '', /expired/);
});
