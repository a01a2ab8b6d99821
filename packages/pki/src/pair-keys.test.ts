// Mutations seen red: no life, no number of uses, one pair key for all recipients, or by name instead of certificate; a
// constant ukm; a ukm that is not part of the derivation; the recipient not looked at; a point not checked; a secret kept
// by a part of the point; memory without bound.
import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import type { SessionKey } from '@mom4c/core';
import { systemRandom } from '@mom4c/core';
import { wrapFor, wrapUnder } from './cms-recipients.ts';
import { createOpener, createSealer } from './cms-seal.ts';
import { MAX_CMS_OCTETS } from './cms-structure.ts';
import { createVerifier } from './cms-verify.ts';
import {
  type Der,
  decode,
  encode,
  readBitString,
  readOctetString,
  readSequence,
  readSet,
  readTagged,
  sequence,
  setOf,
  tagged,
} from './der.ts';
import { PAIR_KEY_LIFE_MS, PAIR_KEY_USES, type PairKey, ReceivingKeys, SendingKeys } from './pair-keys.ts';
import {
  clock,
  directoryOf,
  fault,
  makeDomain,
  makeKeys,
  type Member,
  type TestDomain,
} from './test-domain.ts';

const content = Buffer.from('for your eyes only');
const noKey = (): undefined => undefined;
let domain: TestDomain;
/** Honest sender, honest recipient, another member. */
let alice: Member;
let bob: Member;
let carol: Member;

before(async () => {
  domain = await makeDomain();
  [alice, bob, carol] = await Promise.all([
    domain.issue('te1', 'te', 'ec'),
    domain.issue('cm1', 'cm', 'ec'),
    domain.issue('te3', 'te', 'ec'),
  ]);
});

function timed() {
  let now = 0;
  const sealer = createSealer(systemRandom, { monotonic: () => now });
  return { sealer, pass: (ms: number) => (now += ms) };
}

describe('a pair key', () => {
  test('serves for many letters, each under a key of its own', async () => {
    const { sealer } = timed();
    const opener = createOpener(bob);
    const letters = await Promise.all([1, 2, 3].map(() => sealer.sealTo(content, [bob.certificate])));
    for (const letter of letters) assert.deepEqual(await opener.open(letter, noKey), content);
    const read = letters.map((letter) => agreementOf(letter));
    assert.equal(new Set(read.map(({ point }) => point)).size, 1);
    assert.equal(new Set(read.map(({ ukm }) => ukm)).size, 3);
    assert.equal(new Set(read.map(({ wrapped }) => wrapped)).size, 3);
  });

  test('is known to both without a word: who has forgotten it, or was never told, opens as well', async () => {
    const { sealer } = timed();
    const letters = await Promise.all([1, 2].map(() => sealer.sealTo(content, [bob.certificate])));
    for (const letter of letters.toReversed())
      assert.deepEqual(await createOpener(bob).open(letter, noKey), content);
  });

  test('ends with its time and with its uses', async () => {
    const { sealer, pass } = timed();
    const pointNow = async () => agreementOf(await sealer.sealTo(content, [bob.certificate])).point;
    const first = await pointNow();
    pass(PAIR_KEY_LIFE_MS - 1);
    assert.equal(await pointNow(), first);
    pass(1);
    const second = await pointNow();
    assert.notEqual(second, first);
    for (let use = 2; use <= PAIR_KEY_USES; use++) await sealer.sealTo(Buffer.alloc(0), [bob.certificate]);
    assert.notEqual(await pointNow(), second);
  });

  test('is of one recipient: each manager has his own, and each opens', async () => {
    const { sealer } = timed();
    const managers = [bob, await domain.issue('cm2', 'cm', 'ec'), await domain.issue('cm3', 'cm', 'rsa')];
    const certificates = managers.map(({ certificate }) => certificate);
    for (const letter of [
      await sealer.sealTo(content, certificates),
      await sealer.sealTo(content, certificates),
    ])
      for (const manager of managers)
        assert.deepEqual(await createOpener(manager).open(letter, noKey), content);
    const alone = await Promise.all(certificates.slice(0, 2).map((one) => sealer.sealTo(content, [one])));
    const [one, two] = alone.map((letter) => agreementOf(letter).point);
    assert.notEqual(one, two);
  });

  test('ends with the certificate of the recipient', async () => {
    const { sealer } = timed();
    const before = agreementOf(await sealer.sealTo(content, [bob.certificate])).point;
    const renewed = await domain.issue('cm1', 'cm', 'ec');
    const letter = await sealer.sealTo(content, [renewed.certificate]);
    assert.notEqual(agreementOf(letter).point, before);
    assert.deepEqual(await createOpener(renewed).open(letter, noKey), content);
    // One for the older certificate is for somebody that is no more.
    const older = await sealer.sealTo(content, [bob.certificate]);
    assert.deepEqual(await createOpener(bob).open(older, noKey), content);
    await assert.rejects(createOpener(renewed).open(older, noKey), fault('M4C_CANNOT_OPEN'));
  });

  test('takes bounded memory, of the sender and of the recipient', async () => {
    const sending = new SendingKeys({ monotonic: () => 0 }, 2);
    const [first, second, third] = [alice, bob, carol].map(({ certificate }) => certificate);
    const points = [first!, second!, first!].map((one) => sending.take(one).point);
    assert.equal(points[0], points[2]);
    sending.take(third!);
    assert.equal(sending.take(first!).point, points[0]);
    assert.notEqual(sending.take(second!).point, points[1]);

    const receiving = new ReceivingKeys(bob.key, 2);
    const [one, two, three] = [1, 2, 3].map(() =>
      new SendingKeys({ monotonic: () => 0 }).take(bob.certificate),
    );
    const secret = receiving.secretOf(one!.point);
    assert.deepEqual(secret, one!.secret);
    receiving.secretOf(two!.point);
    assert.equal(receiving.secretOf(one!.point), secret, 'kept');
    receiving.secretOf(three!.point);
    assert.deepEqual(receiving.secretOf(two!.point), two!.secret, 'computed again');
    assert.notEqual(receiving.secretOf(one!.point), secret);
    assert.deepEqual(receiving.secretOf(one!.point), secret);
  });
});

describe('somebody else', () => {
  /** Alice writes to bob twice; the attack comes in between, and must change nothing. */
  async function refused(
    attack: (letter: Uint8Array) => Uint8Array | Promise<Uint8Array>,
    victim = bob,
  ): Promise<void> {
    const { sealer } = timed();
    const [toBob, toVictim] = [createOpener(bob), createOpener(victim)];
    const first = await sealer.sealTo(content, [bob.certificate]);
    assert.deepEqual(await toBob.open(first, noKey), content);
    // The honest twin: taken apart and put together by the same function.
    assert.deepEqual(await toBob.open(readdressed(first, recipientsOf(first)), noKey), content);
    await assert.rejects(toVictim.open(await attack(first), noKey), fault('M4C_CANNOT_OPEN'));
    assert.deepEqual(await toBob.open(await sealer.sealTo(content, [bob.certificate]), noKey), content);
    assert.deepEqual(await toBob.open(first, noKey), content);
  }

  /** A letter of anybody under a pair key that he pretends to have. */
  async function forged(recipient: Member, pair: PairKey): Promise<Uint8Array> {
    const { contentKey, letter } = await knownLetter(recipient);
    const info = wrapFor(recipient.certificate, contentKey, randomBytes(16), { take: () => pair });
    return readdressed(letter, [info]);
  }

  /** A letter whose content key is known to who has sealed it. */
  async function knownLetter(recipient: Member): Promise<{ contentKey: Uint8Array; letter: Uint8Array }> {
    let drawn: Uint8Array = Buffer.alloc(0);
    const random = { bytes: (count: number) => (drawn = randomBytes(count)) };
    const letter = await createSealer(random).sealTo(Buffer.from('forged'), [recipient.certificate]);
    return { contentKey: drawn.subarray(0, 32), letter };
  }

  test('can forge what he has agreed on himself: a wrap says nothing of who it is from', async () => {
    const own = new SendingKeys({ monotonic: () => 0 }).take(bob.certificate);
    const letter = await forged(bob, own);
    assert.equal((await createOpener(bob).open(letter, noKey)).toString(), 'forged');
    // The signature inside is what counts, and it is missing.
    const directory = directoryOf(alice.certificate, bob.certificate, carol.certificate);
    const verifier = createVerifier({ directory, authority: domain.authority, clock });
    await assert.rejects(verifier.verify(Buffer.from('forged')), fault('M4C_MALFORMED'));
  });

  test('cannot plant a key: the point of a pair is of no use without its secret', async () => {
    await refused((letter) => forged(bob, { point: pointOf(letter), secret: randomBytes(32) }));
    // Neither with what the member has agreed on with that point, or with bob.
    await refused((letter) => {
      const point = pointOf(letter);
      return forged(bob, { point, secret: new ReceivingKeys(carol.key).secretOf(point) });
    });
    await refused((letter) => {
      const { secret } = new SendingKeys({ monotonic: () => 0 }).take(bob.certificate);
      return forged(bob, { point: pointOf(letter), secret });
    });
  });

  test('cannot reflect a key: what serves one way does not serve the other', async () => {
    await refused((letter) => letter, alice);
    await refused((letter) => {
      const point = pointOf(letter);
      // Bob knows the secret; alice, by the same point, comes to another.
      return forged(alice, { point, secret: new ReceivingKeys(bob.key).secretOf(point) });
    }, alice);
  });

  test('cannot replay a key: neither into another letter, nor under another ukm, nor to another member', async () => {
    await refused(async (letter) => {
      const { letter: other } = await knownLetter(bob);
      return readdressed(other, recipientsOf(letter));
    });
    await refused(async (letter) => {
      const [own] = recipientsOf(letter);
      const { letter: other } = await knownLetter(bob);
      return readdressed(letter, [sequenceOfAgreement(own!, 2, readAgreement(recipientsOf(other)[0]!)[2]!)]);
    });
    await refused(async (letter) => {
      const { letter: other } = await knownLetter(carol);
      return readdressed(letter, [
        sequenceOfAgreement(recipientsOf(letter)[0]!, 4, readAgreement(recipientsOf(other)[0]!)[4]!),
      ]);
    }, carol);
  });

  test('cannot pass a key of a room for one of a pair, nor the reverse', async () => {
    const room: SessionKey = { id: randomBytes(16).toString('hex'), key: createSecretKey(randomBytes(32)) };
    const opener = createOpener(bob);
    const findRoom = (id: string) => (id === room.id ? room : undefined);
    const { contentKey, letter } = await knownLetter(bob);
    const honest = readdressed(letter, [wrapUnder(room, contentKey)]);
    assert.equal((await opener.open(honest, findRoom)).toString(), 'forged');
    const pair = new SendingKeys({ monotonic: () => 0 }).take(bob.certificate);
    await opener.open(await forged(bob, pair), findRoom);
    const pairAsRoom = { id: room.id, key: createSecretKey(pair.secret) };
    const namedByPoint = {
      id: pair.point.subarray(1, 17).toString('hex'),
      key: createSecretKey(pair.secret),
    };
    for (const key of [pairAsRoom, namedByPoint])
      await assert.rejects(
        opener.open(readdressed(letter, [wrapUnder(key, contentKey)]), findRoom),
        fault('M4C_CANNOT_OPEN'),
      );
    const roomAsPair = { point: pair.point, secret: room.key.export() };
    await assert.rejects(opener.open(await forged(bob, roomAsPair), findRoom), fault('M4C_CANNOT_OPEN'));
  });

  test('cannot use a point that is none, or a certificate without a curve', async () => {
    const off = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]);
    await refused(() => forged(bob, { point: off, secret: Buffer.alloc(32) }));
    const receiving = new ReceivingKeys(bob.key);
    for (let twice = 0; twice < 2; twice++) assert.throws(() => receiving.secretOf(off));
    const rsa = await domain.issue('te4', 'te', 'rsa');
    assert.throws(() =>
      new ReceivingKeys(makeKeys('rsa').privateKey).secretOf(
        new SendingKeys({ monotonic: () => 0 }).take(bob.certificate).point,
      ),
    );
    await refused(async (letter) => {
      const asEc = { ...rsa.certificate, publicKey: bob.certificate.publicKey };
      return forged({ ...bob, certificate: asEc }, { point: pointOf(letter), secret: randomBytes(32) });
    }, rsa);
  });
});

// --- taking letters apart -------------------------------------------------------------------------------------------

function envelopedOf(letter: Uint8Array): { type: Der; items: readonly Der[] } {
  const [type, explicit] = readSequence(decode(letter, MAX_CMS_OCTETS), '', 2);
  return { type: type!, items: readSequence(readTagged(explicit, 0, '', 1)[0], '', 4) };
}

const recipientsOf = (letter: Uint8Array): readonly Der[] => readSet(envelopedOf(letter).items[1], '');

/** The same ciphertext, for others: the recipients are under no protection. */
function readdressed(letter: Uint8Array, recipients: readonly Der[]): Buffer {
  const { type, items } = envelopedOf(letter);
  return encode(sequence(type, tagged(0, sequence(...items.with(1, setOf(...recipients))))));
}

/** Version, originator, ukm, algorithm, encrypted keys. */
const readAgreement = (info: Der): readonly Der[] => readTagged(info, 1, '', 5);
const sequenceOfAgreement = (info: Der, index: number, value: Der): Der =>
  tagged(1, ...readAgreement(info).with(index, value));

function agreementOf(letter: Uint8Array): { point: string; ukm: string; wrapped: string } {
  const [, , ukm, , keys] = readAgreement(recipientsOf(letter)[0]!);
  const [, wrapped] = readSequence(readSequence(keys, '', 1)[0], '', 2);
  return {
    point: pointOf(letter).toString('hex'),
    ukm: readOctetString(readTagged(ukm, 1, '', 1)[0], '').toString('hex'),
    wrapped: readOctetString(wrapped, '').toString('hex'),
  };
}

function pointOf(letter: Uint8Array): Buffer {
  const [key] = readTagged(readAgreement(recipientsOf(letter)[0]!)[1], 0, '', 1);
  return readBitString(readTagged(key, 1, '', 2)[1], '');
}
