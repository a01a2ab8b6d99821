// Mutation seen red, one by one, in cms-verify.ts: digest, signature, certificate hash, issuing, algorithm, content
// type, doubled or missing attribute, doubled value, their order, number of signers, two contents, size, server role.
import assert from 'node:assert/strict';
import { createHash, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { systemRandom } from '@mom4c/core';
import { createSigner } from './cms-sign.ts';
import { algorithm, issuerAndSerial, MAX_CMS_OCTETS, OID } from './cms-structure.ts';
import { createVerifier } from './cms-verify.ts';
import {
  asSetOf,
  type Der,
  encode,
  nullValue,
  octetString,
  oid,
  readSet,
  sequence,
  setOf,
  smallInteger,
  tagged,
  utf8String,
} from './der.ts';
import {
  attime,
  clock,
  directoryOf,
  fault,
  HOUR,
  makeDomain,
  type Member,
  NOW,
  openssl,
  pemOf,
  pemOfKey,
  type TestDomain,
} from './test-domain.ts';

const content = Buffer.from('{"name":"ping"}');
const oracle = openssl();
let domain: TestDomain;
let ec: Member;
let rsa: Member;
let server: Member;

before(async () => {
  domain = await makeDomain();
  [ec, rsa, server] = await Promise.all([
    domain.issue('te1', 'te', 'ec'),
    domain.issue('te2', 'te', 'rsa'),
    domain.issue('ldap', 'server', 'ec'),
  ]);
  oracle.file('ca.pem', domain.authority.pem);
});
after(() => oracle.remove());

const verifierFor = (...members: Member[]) =>
  createVerifier({
    directory: directoryOf(...members.map(({ certificate }) => certificate)),
    authority: domain.authority,
    clock,
  });

for (const kind of ['ec', 'rsa'] as const) {
  describe(`signed under ${kind}`, () => {
    const member = (): Member => (kind === 'ec' ? ec : rsa);

    test('any content, enclosed and detached, comes back with its signer', async () => {
      const signer = createSigner(member());
      const verifier = verifierFor(ec, rsa);
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (octets) => {
          const enclosed = await verifier.verify(await signer.signEnclosed(octets));
          assert.deepEqual(Buffer.from(enclosed.content), Buffer.from(octets));
          assert.equal(enclosed.signer, member().certificate);
          const detached = await verifier.verify(await signer.signDetached(octets), octets);
          assert.equal(detached.signer, member().certificate);
        }),
        { numRuns: 30 },
      );
    });

    test('openssl verifies what we sign', async () => {
      const signer = createSigner(member());
      oracle.file('signer.pem', pemOf(member().certificate));
      oracle.file('content', content);
      oracle.file('enclosed.p7', await signer.signEnclosed(content));
      oracle.file('detached.p7', await signer.signDetached(content));
      const verify = [
        'cms',
        '-verify',
        '-inform',
        'DER',
        '-certfile',
        'signer.pem',
        '-CAfile',
        'ca.pem',
        '-purpose',
        'any',
        '-binary',
        '-cades',
        ...attime(),
      ];
      assert.deepEqual(oracle.run(...verify, '-in', 'enclosed.p7'), content);
      assert.deepEqual(oracle.run(...verify, '-in', 'detached.p7', '-content', 'content'), content);
      oracle.file('content', 'changed');
      assert.throws(() => oracle.run(...verify, '-in', 'detached.p7', '-content', 'content'));
    });

    test('we verify what openssl signs', async () => {
      oracle.file('signer.pem', pemOf(member().certificate));
      oracle.file('signer.key', pemOfKey(member().key));
      oracle.file('content', content);
      const command = [
        'cms',
        '-sign',
        '-cades',
        '-nocerts',
        '-binary',
        '-md',
        'sha256',
        '-signer',
        'signer.pem',
        '-inkey',
        'signer.key',
        '-in',
        'content',
        '-outform',
        'DER',
      ];
      const verifier = verifierFor(ec, rsa);
      const enclosed = await verifier.verify(oracle.run(...command, '-nodetach'));
      assert.deepEqual(enclosed.content, content);
      const detached = await verifier.verify(oracle.run(...command), content);
      assert.equal(detached.signer, member().certificate);
    });

    test('no octet can be changed', async () => {
      const signed = await createSigner(member()).signEnclosed(content);
      const verifier = verifierFor(ec, rsa);
      assert.deepEqual((await verifier.verify(signed)).content, content);
      for (let position = 0; position < signed.length; position++) {
        const changed = Buffer.from(signed);
        changed[position] = changed[position]! ^ (1 << (position % 8));
        await assert.rejects(verifier.verify(changed), { name: 'Mom4cError' }, `octet ${position}`);
      }
      await assert.rejects(verifier.verify(Buffer.concat([signed, Buffer.alloc(1)])), fault('M4C_MALFORMED'));
      await assert.rejects(verifier.verify(signed.subarray(0, -1)), fault('M4C_MALFORMED'));
    });
  });
}

describe('the content', () => {
  test('is that which was signed, in one place only', async () => {
    const signer = createSigner(ec);
    const verifier = verifierFor(ec);
    const detached = await signer.signDetached(content);
    await verifier.verify(detached, content);
    await assert.rejects(verifier.verify(detached, Buffer.from('other')), fault('M4C_BAD_SIGNATURE'));
    await assert.rejects(verifier.verify(detached), fault('M4C_MALFORMED'));
    await assert.rejects(
      verifier.verify(await signer.signEnclosed(content), content),
      fault('M4C_MALFORMED'),
    );
  });

  test('has a bound, for the writer and for the reader', async () => {
    const signer = createSigner(ec);
    const verifier = verifierFor(ec);
    const large = Buffer.alloc(MAX_CMS_OCTETS - 2000, 1);
    assert.equal((await verifier.verify(await signer.signEnclosed(large))).content.length, large.length);
    const tooLarge = Buffer.alloc(MAX_CMS_OCTETS + 1);
    await assert.rejects(signer.signDetached(tooLarge), fault('M4C_TOO_LARGE'));
    await assert.rejects(signer.signEnclosed(tooLarge.subarray(1)), fault('M4C_TOO_LARGE'));
    await assert.rejects(verifier.verify(tooLarge), fault('M4C_TOO_LARGE'));
    await assert.rejects(
      verifier.verify(await signer.signDetached(content), tooLarge),
      fault('M4C_TOO_LARGE'),
    );
  });
});

describe('the signer', () => {
  test('is in the directory, is valid now, and is of this authority', async () => {
    const signed = await createSigner(ec).signEnclosed(content);
    const directory = directoryOf(ec.certificate);
    const authority = domain.authority;
    await createVerifier({ directory, authority, clock }).verify(signed);
    const refuse = async (code: string, options: Partial<Parameters<typeof createVerifier>[0]>) =>
      await assert.rejects(
        createVerifier({ directory, authority, clock, ...options }).verify(signed),
        fault(code),
      );
    await refuse('M4C_CERTIFICATE_UNKNOWN', { directory: directoryOf(rsa.certificate) });
    await refuse('M4C_CERTIFICATE_INVALID', { clock: { now: () => NOW + 2 * HOUR } });
    await refuse('M4C_CERTIFICATE_INVALID', { clock: { now: () => NOW - 2 * HOUR } });
    await refuse('M4C_CERTIFICATE_INVALID', { clock: { now: () => Number.NaN } });
    await refuse('M4C_CERTIFICATE_INVALID', { authority: (await makeDomain()).authority });
    await refuse('M4C_CERTIFICATE_INVALID', {
      directory: { byIssuerAndSerial: async () => rsa.certificate },
    });
  });

  test('is no server', async () => {
    assert.throws(() => createSigner(server), fault('M4C_CERTIFICATE_INVALID'));
    await assert.rejects(verifierFor(server, ec).verify(forge(server, {})), fault('M4C_CERTIFICATE_INVALID'));
  });

  test('holds the key of its certificate', () => {
    assert.throws(
      () => createSigner({ key: rsa.key, certificate: ec.certificate }),
      fault('M4C_CERTIFICATE_INVALID'),
    );
  });
});

describe('a signed message made by hand', () => {
  const attribute = (type: string, ...values: Der[]): Der => sequence(oid(type), setOf(...values));
  const digestOf = (octets: Uint8Array) => octetString(createHash('sha256').update(octets).digest());
  const refuse = async (code: string, forgery: Forgery, member: Member = ec) =>
    await assert.rejects(verifierFor(ec, rsa).verify(forge(member, forgery)), fault(code));

  test('verifies if it is right', async () => {
    for (const member of [ec, rsa])
      assert.deepEqual((await verifierFor(ec, rsa).verify(forge(member, {}))).content, content);
  });

  test('lacks no attribute and has none twice', async () => {
    for (let index = 0; index < 3; index++) {
      await refuse('M4C_MALFORMED', { attributes: (given) => given.toSpliced(index, 1) });
      await refuse('M4C_MALFORMED', { attributes: (given) => [...given, given[index]!] });
    }
    const twoValues = attribute(OID.messageDigest, digestOf(content), digestOf(Buffer.from('x')));
    await refuse('M4C_MALFORMED', {
      attributes: ([type, , certificate]) => [type!, twoValues, certificate!],
    });
  });

  test('may have an attribute that means nothing here, in the order of DER only', async () => {
    const other = attribute('1.2.840.113549.1.9.13', utf8String('x'));
    await verifierFor(ec).verify(forge(ec, { attributes: (given) => [...given, other] }));
    await refuse('M4C_MALFORMED', { unsorted: true });
  });

  test('says data, twice', async () => {
    const type = attribute(OID.contentType, oid(OID.signedData));
    await refuse('M4C_MALFORMED', { attributes: ([, digest, certificate]) => [type, digest!, certificate!] });
    await refuse('M4C_MALFORMED', { contentType: OID.signedData });
  });

  test('names its certificate by hash', async () => {
    const hash = attribute(
      OID.signingCertificateV2,
      sequence(sequence(sequence(digestOf(rsa.certificate.der)))),
    );
    await refuse('M4C_BAD_SIGNATURE', { attributes: ([type, digest]) => [type!, digest!, hash] });
  });

  test('is signed by the key of that certificate, with its algorithm', async () => {
    await refuse('M4C_BAD_SIGNATURE', { key: (await domain.issue('te1', 'te', 'ec')).key });
    await refuse('M4C_BAD_SIGNATURE', { signatureAlgorithm: algorithm(OID.sha256WithRsa, nullValue()) });
    await refuse('M4C_BAD_SIGNATURE', { signatureAlgorithm: algorithm(OID.ecdsaWithSha256) }, rsa);
  });

  test('uses SHA-256 alone, has one signer, and carries no certificate', async () => {
    await refuse('M4C_MALFORMED', { digestAlgorithm: algorithm('1.3.14.3.2.26') });
    await refuse('M4C_MALFORMED', { signers: 2 });
    await refuse('M4C_MALFORMED', { signers: 0 });
    await refuse('M4C_MALFORMED', { certificates: true });
  });
});

type Forgery = {
  attributes?: (given: Der[]) => Der[];
  unsorted?: boolean;
  contentType?: string;
  digestAlgorithm?: Der;
  signatureAlgorithm?: Der;
  key?: Member['key'];
  signers?: number;
  certificates?: boolean;
};

/** Builds SignedData independently of cms-sign.ts, honest but for what the forgery changes. */
function forge({ key, certificate }: Member, forgery: Forgery): Buffer {
  const attribute = (type: string, value: Der): Der => sequence(oid(type), setOf(value));
  const hash = octetString(createHash('sha256').update(certificate.der).digest());
  const honest = [
    attribute(OID.contentType, oid(OID.data)),
    attribute(OID.messageDigest, octetString(createHash('sha256').update(content).digest())),
    attribute(OID.signingCertificateV2, sequence(sequence(sequence(hash)))),
  ];
  const sorted = readSet(setOf(...(forgery.attributes?.(honest) ?? honest)), '');
  const attributes = tagged(0, ...(forgery.unsorted ? sorted.toReversed() : sorted));
  const digestAlgorithm = forgery.digestAlgorithm ?? algorithm(OID.sha256);
  const ec = certificate.publicKey.asymmetricKeyType === 'ec';
  const signerInfo = sequence(
    smallInteger(1),
    issuerAndSerial(certificate),
    digestAlgorithm,
    attributes,
    forgery.signatureAlgorithm ??
      (ec ? algorithm(OID.ecdsaWithSha256) : algorithm(OID.sha256WithRsa, nullValue())),
    octetString(sign('sha256', encode(asSetOf(attributes)), forgery.key ?? key)),
  );
  const signedData = sequence(
    smallInteger(1),
    setOf(digestAlgorithm),
    sequence(oid(forgery.contentType ?? OID.data), tagged(0, octetString(content))),
    ...(forgery.certificates ? [tagged(0, octetString(systemRandom.bytes(8)))] : []),
    setOf(...Array<Der>(forgery.signers ?? 1).fill(signerInfo)),
  );
  return encode(sequence(oid(OID.signedData), tagged(0, signedData)));
}
