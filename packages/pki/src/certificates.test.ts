// Mutation seen red: issuer, signature, time, or the remembered authority not compared; each rule of the profile
// dropped: names, hosts, URI, `cm`, key size, keyUsage, CA, unknown or doubled extensions, SHA-1.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { ROLES, type Role, systemRandom } from '@mom4c/core';
import { dnsName, ipName, uriName, xmppName } from './certificate-extensions.ts';
import { nameOf } from './certificate-names.ts';
import { type CertificateContent, writeCertificate } from './certificate-writer.ts';
import { fromPem, readAuthority, readCertificate, toPem, verifyIssued } from './certificates.ts';
import {
  bitString,
  boolean,
  type Der,
  decode,
  encode,
  nullValue,
  octetString,
  oid,
  readSequence,
  readTagged,
  sequence,
  tagged,
  setOf,
  utf8String,
} from './der.ts';
import { issueCertificate } from './issue.ts';
import {
  attime,
  fault,
  HOUR,
  makeDomain,
  makeKeys,
  type Member,
  NOW,
  openssl,
  pemOf,
  type TestDomain,
} from './test-domain.ts';

const INVALID = fault('M4C_CERTIFICATE_INVALID');
const oracle = openssl();
let domain: TestDomain;
let te: Member;
let cm: Member;

before(async () => {
  domain = await makeDomain();
  [te, cm] = await Promise.all([domain.issue('te1', 'te', 'ec'), domain.issue('cm1', 'cm', 'rsa')]);
  oracle.file('ca.pem', domain.authority.pem);
});
after(() => oracle.remove());

/** A certificate of the authority that says what the test wants, honest but for that. */
async function made(changes: Partial<CertificateContent> = {}): Promise<Uint8Array> {
  const { authority, authorityKey } = domain;
  return await writeCertificate({
    subject: encode(nameOf({ CN: 'te9', OU: 'te', O: 'alpha.test' })),
    issuer: Buffer.from(authority.subject, 'hex'),
    publicKey: makeKeys('ec').publicKey,
    signingKey: authorityKey,
    authorityKeyId: authority.keyId,
    ca: false,
    usage: ['digitalSignature', 'keyAgreement'],
    extendedUsage: ['clientAuth'],
    altNames: [xmppName('te9@alpha.test'), uriName('xmpp:te9@alpha.test')],
    notBefore: NOW - HOUR,
    notAfter: NOW + HOUR,
    random: systemRandom,
    ...changes,
  });
}

describe('an issued certificate', () => {
  test('says who its holder is', () => {
    const { name, role, addresses, serial, notBefore, notAfter } = te.certificate;
    assert.deepEqual(
      [name, role, te.certificate.domain, addresses],
      ['te1', 'te', 'alpha.test', ['te1@alpha.test']],
    );
    assert.match(serial, /^[4-7][0-9a-f]{31}$/);
    assert.deepEqual([notBefore, notAfter], [NOW - HOUR, NOW + HOUR]);
    assert.deepEqual(cm.certificate.addresses, ['cm1@alpha.test', 'cm@alpha.test']);
    const reference = new X509Certificate(te.certificate.der);
    assert.equal(reference.fingerprint256.replaceAll(':', '').toLowerCase(), te.certificate.fingerprint);
    assert.equal(reference.serialNumber.toLowerCase(), serial);
    assert.ok(reference.publicKey.equals(te.certificate.publicKey));
  });

  test('reads as it was asked for, whoever it is for', async () => {
    const { publicKey } = te.certificate;
    const letter = fc.constantFrom('a', 'b', 'z', '0', '9');
    const name = fc.string({ unit: letter, minLength: 1, maxLength: 20 }).filter((text) => text !== 'cm');
    const role = fc.constantFrom(...ROLES.filter((each) => each !== 'server'));
    const seconds = fc.integer({ min: 1, max: 3_000 });
    await fc.assert(
      fc.asyncProperty(name, role, seconds, seconds, async (node, as, before, after) => {
        const own = `${node}@alpha.test`;
        const asked = { name: node, role: as, domain: 'alpha.test', addresses: [own] };
        const validity = { notBefore: NOW - before * 1_000, notAfter: NOW + after * 1_000 };
        const signing = {
          authority: domain.authority,
          authorityKey: domain.authorityKey,
          random: systemRandom,
        };
        const read = readCertificate(
          await issueCertificate({ ...asked, ...validity, ...signing, publicKey }),
        );
        verifyIssued(read, domain.authority, NOW);
        const { name: n, role: r, domain: d, addresses, notBefore, notAfter } = read;
        assert.deepEqual(
          { name: n, role: r, domain: d, addresses, notBefore, notAfter },
          { ...asked, ...validity },
        );
      }),
      { numRuns: 25 },
    );
  });

  test('is good in the eyes of openssl', async () => {
    const server = await domain.issue('ldap', 'server', 'ec');
    for (const [member, purpose] of [
      [te, 'sslclient'],
      [cm, 'sslclient'],
      [server, 'sslserver'],
    ] as const) {
      oracle.file('one.pem', pemOf(member.certificate));
      const verify = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'ca.pem', ...attime()];
      assert.match(oracle.run(...verify, 'one.pem').toString(), /OK/);
    }
    const names = oracle.run(
      'x509',
      '-in',
      oracle.file('te.pem', pemOf(te.certificate)),
      '-noout',
      '-ext',
      'subjectAltName',
    );
    assert.match(names.toString(), /XmppAddr::te1@alpha\.test, URI:xmpp:te1@alpha\.test/);
  });

  test('of a server names its hosts', async () => {
    const ips = ['127.0.0.1', '::1', '2001:db8::5:0:1', 'fe80::', '::ffff:1.2.3.4'];
    const der = await issueCertificate({
      ...{ authority: domain.authority, authorityKey: domain.authorityKey, random: systemRandom },
      ...{ name: 'ldap', role: 'server', domain: 'alpha.test', addresses: [], dns: ['ldap.alpha.test'], ips },
      ...{ publicKey: makeKeys('ec').publicKey, notBefore: NOW, notAfter: NOW + HOUR },
    });
    const certificate = new X509Certificate(der);
    assert.equal(certificate.checkHost('ldap.alpha.test'), 'ldap.alpha.test');
    for (const ip of ips) assert.equal(certificate.checkIP(ip), ip);
    assert.equal(certificate.checkIP('127.0.0.2'), undefined);
    assert.throws(() => ipName('localhost'), fault('M4C_MALFORMED'));
  });

  test('is not issued if it would not be accepted', async () => {
    const request = {
      ...{ authority: domain.authority, authorityKey: domain.authorityKey, random: systemRandom },
      ...{ name: 'te1', role: 'te' as Role, domain: 'alpha.test', addresses: ['te1@alpha.test'] },
      ...{ publicKey: te.certificate.publicKey, notBefore: NOW, notAfter: NOW + HOUR },
    };
    await issueCertificate(request);
    const other = await makeDomain();
    for (const changes of [
      { name: 'TE 1' },
      { domain: 'Alpha' },
      { addresses: ['te2@alpha.test'] },
      { addresses: [] },
      { addresses: ['te1@alpha.test', 'cm@alpha.test'] },
      { name: 'cm', addresses: ['cm@alpha.test'] },
      { dns: ['te1.alpha.test'] },
      { role: 'server' as Role, addresses: [] },
      { notAfter: NOW - HOUR },
      { notAfter: domain.authority.notAfter + HOUR },
      { authorityKey: other.authorityKey },
      { publicKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey },
    ])
      await assert.rejects(
        issueCertificate({ ...request, ...changes }),
        INVALID,
        JSON.stringify(Object.keys(changes)),
      );
  });
});

describe('our profile', () => {
  const own = xmppName('te9@alpha.test');
  const uri = uriName('xmpp:te9@alpha.test');
  const attribute = (type: string, text: string): Der => setOf(sequence(oid(type), utf8String(text)));
  const [O, OU, CN] = [
    attribute('2.5.4.10', 'alpha.test'),
    attribute('2.5.4.11', 'te'),
    attribute('2.5.4.3', 'te9'),
  ] as const;

  test('is what is accepted', async () => {
    assert.equal(readCertificate(await made()).name, 'te9');
    assert.equal(readCertificate(await made({ subject: encode(sequence(CN, OU, O)) })).name, 'te9');
  });

  test('may name its address by the URI alone, as authorities do that are not ours', async () => {
    assert.deepEqual(readCertificate(await made({ altNames: [uri] })).addresses, ['te9@alpha.test']);
  });

  test('demands the names of the subject, and no others', async () => {
    for (const altNames of [
      [],
      [own],
      [own, own, uri],
      [own, uri, uri],
      [own, uri, dnsName('a')],
      [own, uriName('xmpp:x@y')],
      [xmppName('te8@alpha.test'), uri],
      [own, xmppName('cm@alpha.test'), uri],
      [own, uri, ipName('::1')],
    ])
      await refused({ altNames });
  });

  test('demands of a server hosts, and the address of nobody', async () => {
    const server = { subject: encode(nameOf({ CN: 'ldap', OU: 'server', O: 'alpha.test' })) };
    const nobody = xmppName('_server@server.invalid');
    const host = dnsName('ldap.alpha.test');
    assert.deepEqual(readCertificate(await made({ ...server, altNames: [host, nobody] })).addresses, []);
    for (const altNames of [
      // With this one ejabberd would let it in as anybody.
      [host],
      [nobody],
      // With this one as `ldap`.
      [host, xmppName('ldap@server.invalid')],
      [host, xmppName('ldap@alpha.test')],
      [host, xmppName('alpha.test')],
      [host, nobody, xmppName('cm@alpha.test')],
      [host, nobody, uriName('xmpp:ldap@alpha.test')],
    ])
      await refused({ ...server, altNames });
  });

  test('demands CN, OU and O, once each', async () => {
    // One RDN with two values, of which a careless reader would see the first.
    const two = setOf(
      sequence(oid('2.5.4.3'), utf8String('te9')),
      sequence(oid('2.5.4.6'), utf8String('DEU')),
    );
    for (const names of [
      [O, OU],
      [O, OU, CN, CN],
      [O, OU, OU, CN],
      [O, CN, CN],
      [O, OU, CN, attribute('2.5.4.6', 'DE')],
      [O, OU, two],
      [O, OU, attribute('2.5.4.5', 'te9')],
    ])
      await refused({ subject: encode(sequence(...names)) });
    for (const subject of [
      { CN: 'te9', OU: 'root', O: 'alpha.test' },
      { CN: 'TE9', OU: 'te', O: 'alpha.test' },
      { CN: 'te9', OU: 'te', O: 'alpha..test' },
    ])
      await refused({ subject: encode(nameOf(subject)) });
  });

  test('demands a key that may sign, and no authority', async () => {
    await refused({ usage: ['keyAgreement'] });
    await refused({ ca: true, usage: ['digitalSignature', 'keyCertSign'] });
    await refused({ publicKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey });
    await refused({ publicKey: generateKeyPairSync('ed25519').publicKey });
  });

  test('demands extensions that we know, once each', async () => {
    const altered = async (alter: (extensions: Der[]) => Der[]) => {
      const [tbs, ...signature] = readSequence(decode(await made(), 4096), 'Certificate', 3);
      const fields = readSequence(tbs, 'TBSCertificate');
      const [extensions] = readTagged(fields.at(-1), 3, 'extensions', 1);
      const altered = tagged(3, sequence(...alter([...readSequence(extensions, 'extensions')])));
      return encode(sequence(sequence(...fields.slice(0, -1), altered), ...signature));
    };
    const unknown = (critical: boolean) =>
      sequence(oid('1.2.3.4'), ...(critical ? [boolean(true)] : []), octetString(Buffer.alloc(2)));
    readCertificate(await altered((given) => given));
    readCertificate(await altered((given) => [...given, unknown(false)]));
    const faults = [
      await altered((given) => [...given, unknown(true)]),
      await altered((given) => [...given, given[1]!]),
      await altered((given) => [...given, ...Array<Der>(20).fill(unknown(false))]),
    ];
    for (const der of faults) assert.throws(() => readCertificate(der), INVALID);
  });

  test('demands a signature with SHA-2', async () => {
    const signedWith = async (hash: string, id: string) => {
      const [tbs] = readSequence(decode(await made(), 4096), 'Certificate', 3);
      const algorithm = sequence(oid(id), nullValue());
      const altered = sequence(...readSequence(tbs, 'TBSCertificate').with(2, algorithm));
      const signature = sign(hash, encode(altered), domain.authorityKey);
      return encode(sequence(altered, algorithm, bitString(signature)));
    };
    const good = readCertificate(await signedWith('sha384', '1.2.840.113549.1.1.12'));
    verifyIssued(good, domain.authority, NOW);
    const weak = await signedWith('sha1', '1.2.840.113549.1.1.5');
    assert.throws(() => readCertificate(weak), INVALID);
  });

  test('has a bound', async () => {
    const names = Array.from({ length: 17 }, () => uri);
    await refused({ altNames: names });
    assert.throws(() => readCertificate(Buffer.alloc(20_000)), INVALID);
  });

  async function refused(changes: Partial<CertificateContent>): Promise<void> {
    const der = await made(changes);
    assert.throws(() => readCertificate(der), INVALID);
  }
});

describe('who issued it', () => {
  test('is the authority, by name, signature and time', async () => {
    verifyIssued(te.certificate, domain.authority, NOW);
    const other = (await makeDomain()).authority;
    const beta = (await makeDomain('beta.test')).authority;
    const check =
      (authority = domain.authority, at = NOW) =>
      () =>
        verifyIssued(te.certificate, authority, at);
    assert.throws(check(other), INVALID);
    assert.throws(check(beta), INVALID);
    assert.throws(check({ ...domain.authority, subject: beta.subject }), INVALID);
    check(domain.authority, te.certificate.notAfter + 999)();
    for (const at of [te.certificate.notAfter + 1000, te.certificate.notBefore - 1, Number.NaN])
      assert.throws(check(domain.authority, at), INVALID);
    // Once more: what was remembered about one authority must not count for the other.
    assert.throws(check(other), INVALID);
  });

  test('is not the authority if the certificate was changed', async () => {
    const { certificate } = await domain.issue('node7', 'te', 'ec');
    verifyIssued(certificate, domain.authority, NOW);
    const changed = Buffer.from(certificate.der).toString('latin1').replaceAll('node7', 'node8');
    const forged = readCertificate(Buffer.from(changed, 'latin1'));
    assert.deepEqual([forged.name, forged.addresses], ['node8', ['node8@alpha.test']]);
    assert.throws(() => verifyIssued(forged, domain.authority, NOW), INVALID);
  });

  test('is itself valid', () => {
    const expired = { ...domain.authority, notAfter: NOW - HOUR };
    verifyIssued(te.certificate, { ...expired, notAfter: NOW }, NOW);
    assert.throws(() => verifyIssued(te.certificate, expired, NOW), INVALID);
  });
});

describe('an authority', () => {
  test('is one by basicConstraints and keyUsage', async () => {
    assert.equal(readAuthority(domain.authority.der).fingerprint, domain.authority.fingerprint);
    assert.throws(() => readAuthority(te.certificate.der), INVALID);
    const noSigning = await made({ ca: true, usage: ['digitalSignature'] });
    assert.throws(() => readAuthority(noSigning), INVALID);
    const noConstraint = await made({ ca: false, usage: ['keyCertSign'] });
    assert.throws(() => readAuthority(noConstraint), INVALID);
    readAuthority(await made({ ca: true, usage: ['keyCertSign'] }));
  });

  test('signs itself, with RSA of 3072 bits', () => {
    assert.equal(domain.authority.publicKey.asymmetricKeyDetails?.modulusLength, 3072);
    assert.match(
      oracle.run('verify', '-x509_strict', '-CAfile', 'ca.pem', ...attime(), 'ca.pem').toString(),
      /OK/,
    );
  });
});

test('PEM is written and read, one block of the label', () => {
  const pem = toPem('CERTIFICATE', te.certificate.der);
  assert.equal(pem, new X509Certificate(te.certificate.der).toString());
  assert.deepEqual(fromPem('CERTIFICATE', `text\n${pem}`), Buffer.from(te.certificate.der));
  for (const text of ['', pem + pem, pem.replaceAll('CERTIFICATE', 'KEY'), pem.replace('M', '*')])
    assert.throws(() => fromPem('CERTIFICATE', text), INVALID);
});
