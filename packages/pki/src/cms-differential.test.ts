/**
 * Our CMS beside that of openssl. What we accept, openssl accepts with the same content; where we are stricter stands in
 * the two tables below, each with its reason, and is refused although openssl takes it.
 *
 * Mutation seen red: a missing signing certificate taken for an empty one; issuer and serial in the signing certificate not compared; the
 * issuer of a recipient not read as a name; parameters of OAEP not read.
 */
import assert from 'node:assert/strict';
import { createHash, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError, systemRandom } from '@mom4c/core';
import { createOpener, createSealer } from './cms-seal.ts';
import { createSigner } from './cms-sign.ts';
import { algorithm, encodeContentInfo, issuerAndSerial, OID } from './cms-structure.ts';
import { createVerifier } from './cms-verify.ts';
import {
  decode,
  type Der,
  encode,
  implicitly,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  tagged,
  time,
  unsignedInteger,
} from './der.ts';
import {
  attime,
  clock,
  directoryOf,
  makeDomain,
  type Member,
  NOW,
  openssl,
  pemOf,
  pemOfKey,
  type TestDomain,
} from './test-domain.ts';

const oracle = openssl();
const content = Buffer.from('{"name":"ping"}');
const sealer = createSealer(systemRandom);
const members: { ec: Member; rsa: Member } = {} as never;
let domain: TestDomain;

before(async () => {
  domain = await makeDomain();
  members.ec = await domain.issue('te1', 'te', 'ec');
  members.rsa = await domain.issue('te2', 'te', 'rsa');
  oracle.file('ca.pem', domain.authority.pem);
  oracle.file('content', content);
  for (const [kind, { certificate, key }] of Object.entries(members)) {
    oracle.file(`${kind}.pem`, pemOf(certificate));
    oracle.file(`${kind}.key`, pemOfKey(key));
  }
  oracle.file('both.pem', pemOf(members.ec.certificate) + pemOf(members.rsa.certificate));
});
after(() => oracle.remove());

// --- both sides -----------------------------------------------------------------------------------------------------

/** @returns the content, or undefined where openssl refuses */
function byOpenssl(
  args: readonly string[],
  inputs: Readonly<Record<string, Uint8Array>>,
): Buffer | undefined {
  for (const [name, octets] of Object.entries(inputs)) oracle.file(name, octets);
  try {
    return oracle.run('cms', '-binary', '-inform', 'DER', ...args);
  } catch {
    return undefined;
  }
}

const verifiedByOpenssl = (signed: Uint8Array, detached?: Uint8Array, more: readonly string[] = ['-cades']) =>
  byOpenssl(
    [
      ...['-verify', '-in', 'signed', '-certfile', 'both.pem', '-CAfile', 'ca.pem', '-purpose', 'any'],
      ...(detached ? ['-content', 'detached'] : []),
      ...more,
      ...attime(),
    ],
    { signed, ...(detached && { detached }) },
  );

const openedByOpenssl = (sealed: Uint8Array, kind: 'ec' | 'rsa') =>
  byOpenssl(['-decrypt', '-in', 'sealed', '-inkey', `${kind}.key`, '-recip', `${kind}.pem`], { sealed });

/** @returns undefined where we refuse, by an error of the catalogue */
async function byUs(work: () => Promise<Uint8Array>): Promise<Buffer | undefined> {
  try {
    return Buffer.from(await work());
  } catch (error) {
    if (!(error instanceof Mom4cError) || error.code === 'M4C_INTERNAL') throw error;
    return undefined;
  }
}

const verifiedByUs = (signed: Uint8Array, detached?: Uint8Array) =>
  byUs(async () => {
    const certificates = Object.values(members).map(({ certificate }) => certificate);
    const verifier = createVerifier({
      directory: directoryOf(...certificates),
      authority: domain.authority,
      clock,
    });
    return (await verifier.verify(signed, detached)).content;
  });

const openedByUs = (sealed: Uint8Array, kind: 'ec' | 'rsa') =>
  byUs(() => createOpener(members[kind]).open(sealed, () => undefined));

// --- signed ---------------------------------------------------------------------------------------------------------

const attribute = (type: string, ...values: Der[]): Der => sequence(oid(type), setOf(...values));

/** What may stand in the signing certificate beside the hash (RFC 5035 §4). */
const ISSUER_SERIALS = ['none', 'right', 'wrong serial', 'wrong issuer'] as const;
type Variant = {
  kind: 'ec' | 'rsa';
  octets: Uint8Array;
  detached: boolean;
  nullParameters: boolean;
  signingTime: boolean;
  other: Uint8Array | undefined;
  issuerSerial: (typeof ISSUER_SERIALS)[number];
  /** The bit that is flipped in what was signed. */
  flip: number | undefined;
};

const variants: fc.Arbitrary<Variant> = fc.record({
  kind: fc.constantFrom('ec', 'rsa'),
  octets: fc.uint8Array({ maxLength: 400 }),
  detached: fc.boolean(),
  nullParameters: fc.boolean(),
  signingTime: fc.boolean(),
  other: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
  issuerSerial: fc.constantFrom('none', 'none', ...ISSUER_SERIALS),
  flip: fc.option(fc.nat({ max: 20_000 }), { nil: undefined, freq: 2 }),
});

function signedAs(variant: Variant): Buffer {
  const { kind, octets, detached } = variant;
  const { certificate, key } = members[kind];
  const digest = createHash('sha256').update(octets).digest();
  const attributes = setOf(
    attribute(OID.contentType, oid(OID.data)),
    attribute(OID.messageDigest, octetString(digest)),
    attribute(OID.signingCertificateV2, signingCertificate(variant)),
    ...(variant.signingTime ? [attribute('1.2.840.113549.1.9.5', time(NOW))] : []),
    ...(variant.other ? [attribute('1.3.6.1.4.1.32473.1', octetString(variant.other))] : []),
  );
  const sha256 = variant.nullParameters ? algorithm(OID.sha256, nullValue()) : algorithm(OID.sha256);
  const scheme = kind === 'ec' ? algorithm(OID.ecdsaWithSha256) : algorithm(OID.sha256WithRsa, nullValue());
  const signerInfo = sequence(
    smallInteger(1),
    issuerAndSerial(certificate),
    sha256,
    implicitly(0, attributes),
    scheme,
    octetString(sign('sha256', encode(attributes), key)),
  );
  const inside = detached ? [] : [tagged(0, octetString(octets))];
  const signed = encodeContentInfo(
    OID.signedData,
    sequence(smallInteger(1), setOf(sha256), sequence(oid(OID.data), ...inside), setOf(signerInfo)),
  );
  if (variant.flip !== undefined) flip(signed, variant.flip);
  return signed;
}

function signingCertificate({ kind, issuerSerial }: Variant): Der {
  const { certificate } = members[kind];
  const name = decode(Buffer.from(certificate.issuer, 'hex'), 4_096);
  const issuer = issuerSerial === 'wrong issuer' ? sequence() : name;
  const serial = issuerSerial === 'wrong serial' ? '01' : certificate.serial;
  const hash = octetString(Buffer.from(certificate.fingerprint, 'hex'));
  const names = sequence(sequence(tagged(4, issuer)), unsignedInteger(Buffer.from(serial, 'hex')));
  return sequence(sequence(sequence(hash, ...(issuerSerial === 'none' ? [] : [names]))));
}

function flip(octets: Buffer, bit: number): void {
  const at = bit % (octets.length * 8);
  octets[at >> 3] = octets[at >> 3]! ^ (1 << (at & 7));
}

describe('signed', () => {
  test('what we sign, openssl verifies, whatever the content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('ec', 'rsa'),
        fc.uint8Array({ maxLength: 4_000 }),
        async (kind, octets) => {
          const signer = createSigner(members[kind as 'ec' | 'rsa']);
          assert.deepEqual(verifiedByOpenssl(await signer.signEnclosed(octets)), Buffer.from(octets));
          assert.deepEqual(verifiedByOpenssl(await signer.signDetached(octets), octets), Buffer.from(octets));
        },
      ),
      { numRuns: 8 },
    );
  });

  test('what we accept, openssl accepts, with the same content', async () => {
    const counts = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(variants, async (variant) => {
        const signed = signedAs(variant);
        const detached = variant.detached ? variant.octets : undefined;
        const ours = await verifiedByUs(signed, detached);
        counts[ours ? 'accepted' : 'refused'] += 1;
        if (!ours) return;
        assert.deepEqual(verifiedByOpenssl(signed, detached), ours);
        assert.deepEqual(ours, Buffer.from(variant.octets));
      }),
      { numRuns: 60 },
    );
    assert.ok(counts.accepted > 5 && counts.refused > 5, JSON.stringify(counts));
  });

  const sign = ['-sign', '-outform', 'DER', '-nodetach', '-in', 'content'];
  const by = (kind: 'ec' | 'rsa') => ['-signer', `${kind}.pem`, '-inkey', `${kind}.key`];
  const profile = [...sign, ...by('ec'), '-md', 'sha256', '-cades', '-nocerts'];
  const without = (option: string) => profile.filter((each) => each !== option);
  const stricter: { reason: string; made: string[]; verified?: string[] }[] = [
    { reason: 'a signer is found in the directory, or not at all', made: without('-nocerts') },
    { reason: 'the signature must name its certificate by hash', made: without('-cades'), verified: [] },
    { reason: 'one digest, that of the whole profile', made: [...profile, '-md', 'sha512'] },
    { reason: 'a signer is named by issuer and serial number', made: [...profile, '-keyid'] },
    { reason: 'one signer', made: [...profile, ...by('rsa')] },
    { reason: 'attributes are mandatory', made: [...without('-cades'), '-noattr'], verified: [] },
    { reason: 'DER only, no indefinite lengths', made: [...profile, '-stream'] },
    { reason: 'the content is data', made: [...profile, '-econtent_type', '1.2.840.113549.1.9.16.1.2'] },
    {
      reason: 'RSA signs by PKCS #1 v1.5',
      made: [...sign, ...by('rsa'), '-keyopt', 'rsa_padding_mode:pss', '-md', 'sha256', '-cades', '-nocerts'],
    },
  ];
  test('we are stricter where a message leaves the profile', async () => {
    const honest = oracle.run('cms', '-binary', ...profile);
    assert.deepEqual([await verifiedByUs(honest), verifiedByOpenssl(honest)], [content, content]);
    for (const { reason, made, verified } of stricter) {
      const signed = oracle.run('cms', '-binary', ...made);
      assert.deepEqual(verifiedByOpenssl(signed, undefined, verified), content, `openssl: ${reason}`);
      assert.equal(await verifiedByUs(signed), undefined, reason);
    }
  });
});

// --- sealed ---------------------------------------------------------------------------------------------------------

describe('sealed', () => {
  test('what we seal, each recipient opens with openssl, whatever the content', async () => {
    const recipients = Object.values(members).map(({ certificate }) => certificate);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 4_000 }), async (octets) => {
        const sealed = await sealer.sealTo(octets, recipients);
        for (const kind of ['ec', 'rsa'] as const)
          assert.deepEqual(openedByOpenssl(sealed, kind), Buffer.from(octets), kind);
      }),
      { numRuns: 5 },
    );
  });

  test('what we open of changed messages, openssl opens, with the same content', async () => {
    const counts = { opened: 0, refused: 0 };
    const { ec, rsa } = members;
    const sealed = Buffer.from(await sealer.sealTo(content, [ec.certificate, rsa.certificate]));
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: sealed.length * 8 - 1 }),
        fc.constantFrom('ec', 'rsa'),
        async (bit, reader) => {
          const changed = Buffer.from(sealed);
          flip(changed, bit);
          const ours = await openedByUs(changed, reader as 'ec' | 'rsa');
          counts[ours ? 'opened' : 'refused'] += 1;
          if (!ours) return;
          assert.deepEqual(ours, content);
          assert.deepEqual(openedByOpenssl(changed, reader as 'ec' | 'rsa'), content);
        },
      ),
      { numRuns: 150 },
    );
    // What was changed for one recipient is none of the other's business.
    assert.ok(counts.opened > 5 && counts.refused > 5, JSON.stringify(counts));
  });

  const encrypt = ['-encrypt', '-outform', 'DER', '-in', 'content'];
  const to = (kind: 'ec' | 'rsa', ...options: string[]) => [
    '-recip',
    `${kind}.pem`,
    ...options.flatMap((option) => ['-keyopt', option]),
  ];
  const toEc = to('ec', 'ecdh_kdf_md:sha256');
  const toRsa = to('rsa', 'rsa_padding_mode:oaep', 'rsa_oaep_md:sha256');
  const stricter: { reason: string; kind: 'ec' | 'rsa'; made: string[] }[] = [
    { reason: 'AES of 256 bits', kind: 'ec', made: ['-aes-128-gcm', ...toEc] },
    { reason: 'sealed content is authenticated', kind: 'ec', made: ['-aes-256-cbc', ...toEc] },
    { reason: 'keys are derived with SHA-256', kind: 'ec', made: ['-aes-256-gcm', ...to('ec')] },
    { reason: 'RSA wraps keys by OAEP', kind: 'rsa', made: ['-aes-256-gcm', ...to('rsa')] },
    {
      reason: 'OAEP with SHA-256',
      kind: 'rsa',
      made: ['-aes-256-gcm', ...to('rsa', 'rsa_padding_mode:oaep')],
    },
    {
      reason: 'a recipient is named by issuer and serial number',
      kind: 'rsa',
      made: ['-aes-256-gcm', '-keyid', ...toRsa],
    },
  ];
  test('we are stricter where a message leaves the profile', async () => {
    for (const [kind, recipient] of [
      ['ec', toEc],
      ['rsa', toRsa],
    ] as const) {
      const honest = oracle.run('cms', '-binary', ...encrypt, '-aes-256-gcm', ...recipient);
      assert.deepEqual([await openedByUs(honest, kind), openedByOpenssl(honest, kind)], [content, content]);
    }
    for (const { reason, kind, made } of stricter) {
      const sealed = oracle.run('cms', '-binary', ...encrypt, ...made);
      assert.deepEqual(openedByOpenssl(sealed, kind), content, `openssl: ${reason}`);
      assert.equal(await openedByUs(sealed, kind), undefined, reason);
    }
  });
});
