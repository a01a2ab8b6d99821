// Mutation seen red: the tag not checked, a constant content key, another KDF, OAEP with SHA-1, any content cipher,
// attributes let through, a key that is not the certificate's, a server as recipient.
import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { type SessionKey, systemRandom } from '@mom4c/core';
import { createOpener, createSealer } from './cms-seal.ts';
import { MAX_CMS_OCTETS } from './cms-structure.ts';
import {
  decode,
  encode,
  octetString,
  oid,
  readSequence,
  readTagged,
  sequence,
  setOf,
  tagged,
} from './der.ts';
import { fault, makeDomain, type Member, openssl, pemOf, pemOfKey } from './test-domain.ts';

const content = Buffer.from('for your eyes only');
const oracle = openssl();
const sealer = createSealer(systemRandom);
const noKey = (): undefined => undefined;
let te1: Member;
let te2: Member;
let te3: Member;
let server: Member;

before(async () => {
  const domain = await makeDomain();
  [te1, te2, te3, server] = await Promise.all([
    domain.issue('te1', 'te', 'ec'),
    domain.issue('te2', 'te', 'rsa'),
    domain.issue('te3', 'te', 'ec'),
    domain.issue('ldap', 'server', 'ec'),
  ]);
});
after(() => oracle.remove());

const newKey = (): SessionKey => ({
  id: randomBytes(16).toString('hex'),
  key: createSecretKey(randomBytes(32)),
});

describe('sealed to certificates', () => {
  test('each recipient opens it, P-256 and RSA, nobody else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (octets) => {
        const sealed = await sealer.sealTo(octets, [te1.certificate, te2.certificate]);
        for (const member of [te1, te2])
          assert.deepEqual(Buffer.from(await createOpener(member).open(sealed, noKey)), Buffer.from(octets));
        await assert.rejects(createOpener(te3).open(sealed, noKey), fault('M4C_CANNOT_OPEN'));
      }),
      { numRuns: 20 },
    );
  });

  for (const kind of ['ec', 'rsa'] as const) {
    const member = (): Member => (kind === 'ec' ? te1 : te2);

    test(`openssl opens what we seal: ${kind}`, async () => {
      oracle.file('own.pem', pemOf(member().certificate));
      oracle.file('own.key', pemOfKey(member().key));
      oracle.file('sealed', await sealer.sealTo(content, [te3.certificate, member().certificate]));
      const decrypt = [
        'cms',
        '-decrypt',
        '-inform',
        'DER',
        '-in',
        'sealed',
        '-inkey',
        'own.key',
        '-recip',
        'own.pem',
      ];
      assert.deepEqual(oracle.run(...decrypt, '-binary'), content);
    });

    test(`we open what openssl seals: ${kind}`, async () => {
      oracle.file('own.pem', pemOf(member().certificate));
      oracle.file('content', content);
      const options =
        kind === 'ec' ? ['ecdh_kdf_md:sha256'] : ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256'];
      const sealed = oracle.run(
        ...[
          'cms',
          '-encrypt',
          '-binary',
          '-aes-256-gcm',
          '-in',
          'content',
          '-outform',
          'DER',
          '-recip',
          'own.pem',
        ],
        ...options.flatMap((option) => ['-keyopt', option]),
      );
      assert.deepEqual(await createOpener(member()).open(sealed, noKey), content);
    });
  }

  test('takes 1 to 64 recipients, and no server', async () => {
    const many = (count: number) => Array.from({ length: count }, () => te1.certificate);
    const sealed = await sealer.sealTo(content, many(64));
    assert.deepEqual(await createOpener(te1).open(sealed, noKey), content);
    await assert.rejects(sealer.sealTo(content, many(65)), RangeError);
    await assert.rejects(sealer.sealTo(content, []), RangeError);
    await assert.rejects(sealer.sealTo(content, [server.certificate]), fault('M4C_CERTIFICATE_INVALID'));
  });

  test('is opened with the key of the certificate only', async () => {
    assert.throws(() => createOpener({ ...te1, key: te3.key }), fault('M4C_CERTIFICATE_INVALID'));
  });
});

describe('sealed under a session key', () => {
  test('who has the key opens it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (octets) => {
        const key = newKey();
        const sealed = await sealer.sealUnder(octets, key);
        const opener = createOpener(te1);
        assert.deepEqual(
          Buffer.from(await opener.open(sealed, (id) => (id === key.id ? key : undefined))),
          Buffer.from(octets),
        );
        await assert.rejects(opener.open(sealed, noKey), fault('M4C_CANNOT_OPEN'));
        await assert.rejects(opener.open(sealed, newKey), fault('M4C_CANNOT_OPEN'));
      }),
      { numRuns: 30 },
    );
  });

  test('openssl opens what we seal, and we what openssl seals', async () => {
    const key = newKey();
    const secret = ['-secretkey', key.key.export().toString('hex'), '-secretkeyid', key.id];
    oracle.file('sealed', await sealer.sealUnder(content, key));
    assert.deepEqual(
      oracle.run('cms', '-decrypt', '-binary', '-inform', 'DER', '-in', 'sealed', ...secret),
      content,
    );
    oracle.file('content', content);
    const encrypt = [
      'cms',
      '-encrypt',
      '-binary',
      '-aes-256-gcm',
      '-in',
      'content',
      '-outform',
      'DER',
      ...secret,
    ];
    assert.deepEqual(await createOpener(te1).open(oracle.run(...encrypt), () => key), content);
  });

  test('only under a key with an id', async () => {
    await assert.rejects(sealer.sealUnder(content, { ...newKey(), id: 'AB' }), TypeError);
    await assert.rejects(
      sealer.sealUnder(content, { ...newKey(), key: createSecretKey(randomBytes(16)) }),
      TypeError,
    );
  });
});

describe('what was sealed', () => {
  test('cannot be changed, in no octet', async () => {
    const key = newKey();
    const openers = [
      { sealed: await sealer.sealTo(content, [te1.certificate]), opener: createOpener(te1) },
      { sealed: await sealer.sealTo(content, [te2.certificate]), opener: createOpener(te2) },
      { sealed: await sealer.sealUnder(content, key), opener: createOpener(te3) },
    ];
    for (const { sealed, opener } of openers) {
      const find = (id: string) => (id === key.id ? key : undefined);
      assert.deepEqual(await opener.open(sealed, find), content);
      for (let position = 0; position < sealed.length; position++) {
        const changed = Buffer.from(sealed);
        changed[position] = changed[position]! ^ (1 << (position % 8));
        await assert.rejects(opener.open(changed, find), { name: 'Mom4cError' }, `octet ${position}`);
      }
      await assert.rejects(
        opener.open(Buffer.concat([sealed, Buffer.alloc(1)]), find),
        fault('M4C_MALFORMED'),
      );
    }
  });

  test('has a key and a nonce of its own', async () => {
    const key = newKey();
    // The last octets before the tag are the ciphertext.
    const ciphertext = async (fixed: [number, number]) => {
      const random = { bytes: (count: number) => randomBytes(count).fill(0, ...fixed) };
      return Buffer.from(await createSealer(random).sealUnder(content, key)).subarray(
        -18 - content.length,
        -18,
      );
    };
    for (const fixed of [[0, 32] as [number, number], [32, 44] as [number, number]])
      assert.notDeepEqual(await ciphertext(fixed), await ciphertext(fixed));
  });

  test('has no attributes', async () => {
    const key = newKey();
    const sealed = decode(await sealer.sealUnder(content, key), MAX_CMS_OCTETS);
    const opener = createOpener(te1);
    assert.deepEqual(await opener.open(encode(sealed), () => key), content);
    const [type, explicit] = readSequence(sealed, '', 2);
    const [enveloped] = readTagged(explicit, 0, '', 1);
    const attributes = tagged(2, sequence(oid('1.2.3'), setOf(octetString(content))));
    const more = sequence(type!, tagged(0, sequence(...readSequence(enveloped, ''), attributes)));
    await assert.rejects(
      opener.open(encode(more), () => key),
      fault('M4C_MALFORMED'),
    );
  });

  test('has a bound', async () => {
    const key = newKey();
    const large = Buffer.alloc(MAX_CMS_OCTETS - 2000, 1);
    assert.deepEqual(await createOpener(te1).open(await sealer.sealUnder(large, key), () => key), large);
    await assert.rejects(sealer.sealUnder(Buffer.alloc(MAX_CMS_OCTETS), key), fault('M4C_TOO_LARGE'));
    await assert.rejects(
      createOpener(te1).open(Buffer.alloc(MAX_CMS_OCTETS + 1), noKey),
      fault('M4C_TOO_LARGE'),
    );
  });

  test('is refused if a weaker algorithm made it', async () => {
    const key = newKey();
    const secret = ['-secretkey', key.key.export().toString('hex'), '-secretkeyid', key.id];
    oracle.file('content', content);
    const encrypt = ['cms', '-encrypt', '-binary', '-in', 'content', '-outform', 'DER', ...secret];
    const opener = createOpener(te1);
    assert.deepEqual(await opener.open(oracle.run(...encrypt, '-aes-256-gcm'), () => key), content);
    for (const cipher of ['-aes-256-cbc', '-aes-128-gcm'])
      await assert.rejects(
        opener.open(oracle.run(...encrypt, cipher), () => key),
        fault('M4C_MALFORMED'),
        cipher,
      );
  });
});
