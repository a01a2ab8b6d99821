// Mutation seen red: the MAC not compared; the password cut to eight characters; parameters of the MAC's digest not looked
// at; `VARIED` 1; LONG without its end.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import { decodePkcs12, encodePkcs12, iterationsFor, type Pkcs12 } from './pkcs12.ts';
import { fault, makeDomain } from './test-domain.ts';

/** As few as there can be: how slow the derivation is does not matter here. */
const QUICK = { encryption: 1, mac: 1 };
const parts: Pkcs12[] = [];

before(async () => {
  const domain = await makeDomain();
  for (const kind of ['ec', 'rsa'] as const) {
    const { key, certificate } = await domain.issue(`te-${kind}`, 'te', kind);
    parts.push({ key, certificate: certificate.der, authority: domain.authority.der });
  }
});

/** RFC 7292 §B.1 takes 16-bit characters: what is beyond them is another matter. */
const password = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 });

test('what was stored comes back under its password, and under no other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(0, 1), password, password, async (which, right, other) => {
      const stored = parts[which]!;
      const file = await encodePkcs12(stored, right, QUICK);
      const read = await decodePkcs12(file, right);
      assert.ok(read.key.equals(stored.key));
      assert.deepEqual(Buffer.from(read.certificate), Buffer.from(stored.certificate));
      assert.deepEqual(Buffer.from(read.authority), Buffer.from(stored.authority));
      for (const wrong of [other, `${right}x`, right.slice(1)])
        if (wrong !== right) await assert.rejects(decodePkcs12(file, wrong), fault('M4C_KEYSTORE_PASSWORD'));
    }),
    { numRuns: 40 },
  );
});

test('a changed file is refused, wherever the change is', async () => {
  const file = await encodePkcs12(parts[0]!, 'a password', QUICK);
  const refusesWithout = async (bit: number): Promise<void> => {
    const changed = Buffer.from(file);
    changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
    await assert.rejects(
      decodePkcs12(changed, 'a password'),
      (thrown) =>
        thrown instanceof Mom4cError && ['M4C_MALFORMED', 'M4C_KEYSTORE_PASSWORD'].includes(thrown.code),
      `bit ${bit}`,
    );
  };
  const bits = file.length * 8;
  await fc.assert(fc.asyncProperty(fc.nat(bits - 1), refusesWithout), { numRuns: 300 });
  // What the MAC does not cover is the MAC itself and how it is made: there each bit must count.
  for (let bit = bits - MAC_DATA_OCTETS * 8; bit < bits; bit++) await refusesWithout(bit);
});

/** With a salt and a digest as we write them. */
const MAC_DATA_OCTETS = 77;

test('only a password that nobody could have thought of is not stretched', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (octets) => {
      // Of few different octets there are few different characters: no random generator makes that.
      fc.pre(new Set(octets).size > 24);
      for (const encoding of ['base64', 'base64url'] as const)
        assert.equal(iterationsFor(Buffer.from(octets).toString(encoding)).mac, 1000);
    }),
  );
  for (const thoughtOf of [
    'swordfish',
    'correct horse battery staple and another twelve words or so',
    'a'.repeat(64),
    '0123456789'.repeat(5),
    randomBytes(24).toString('base64'),
    `${randomBytes(32).toString('base64url')}!`,
  ])
    assert.equal(iterationsFor(thoughtOf).mac, 50_000, thoughtOf);
});
