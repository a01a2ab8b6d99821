// Mutation seen red: primitive lists, strings in pieces, readers that do not look at the type or form, SET OF not sorted, depth 256, times that do not exist,
// arcs with leading zeros.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  bitList,
  bitString,
  boolean,
  decode,
  type Der,
  encode,
  nullValue,
  octetString,
  oid,
  readBitList,
  readBitString,
  readBoolean,
  readInteger,
  readOctetString,
  readOid,
  readSequence,
  readSet,
  readSmallInteger,
  readTagged,
  readTaggedOctets,
  readText,
  readTime,
  sequence,
  setOf,
  smallInteger,
  tagged,
  taggedOctets,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts';
import { fault } from './test-domain.ts';

const MAX = 65_536;
const again = (value: Der): Der => decode(encode(value), MAX);
const roundTrip = <Value>(
  arbitrary: fc.Arbitrary<Value>,
  build: (value: Value) => Der,
  read: (der: Der) => unknown,
) => fc.assert(fc.property(arbitrary, (value) => assert.deepEqual(read(again(build(value))), value)));
const octets = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));

describe('what is built is read', () => {
  test('octets, bits, texts, numbers, times', () => {
    roundTrip(octets, octetString, (der) => readOctetString(der, ''));
    roundTrip(octets, bitString, (der) => readBitString(der, ''));
    roundTrip(
      octets,
      (value) => taggedOctets(3, value),
      (der) => readTaggedOctets(der, 3, ''),
    );
    roundTrip(fc.string({ unit: 'grapheme' }), utf8String, (der) => readText(der, ''));
    roundTrip(fc.nat(), smallInteger, (der) => readSmallInteger(der, ''));
    roundTrip(fc.boolean(), boolean, (der) => readBoolean(der, ''));
    roundTrip(
      fc.uniqueArray(fc.nat(15), { minLength: 1 }).map((bits) => new Set(bits.toSorted((a, b) => a - b))),
      (bits) => bitList([...bits]),
      (der) => readBitList(der, ''),
    );
    roundTrip(
      fc
        .integer({ min: Date.UTC(1950) / 1000, max: Date.UTC(9999, 11, 31) / 1000 })
        .map((seconds) => seconds * 1000),
      time,
      (der) => readTime(der, ''),
    );
  });

  test('structures', () => {
    roundTrip(
      fc.array(octets),
      (list) => sequence(...list.map(octetString)),
      (der) => readSequence(der, '').map((item) => readOctetString(item, '')),
    );
    roundTrip(
      fc.array(octets),
      (list) => tagged(2, ...list.map(octetString)),
      (der) => readTagged(der, 2, '').map((item) => readOctetString(item, '')),
    );
    assert.equal(readOid(again(oid('1.2.840.113549.1.9.16.2.47')), ''), '1.2.840.113549.1.9.16.2.47');
  });

  test('a SET is in order, whatever the order it was given in', () => {
    fc.assert(
      fc.property(fc.array(octets, { minLength: 2, maxLength: 6 }), (list) => {
        const one = encode(setOf(...list.map(octetString)));
        assert.deepEqual(one, encode(setOf(...list.toReversed().map(octetString))));
        const items = readSet(decode(one, MAX), '').map(encode);
        assert.deepEqual(
          items,
          items.toSorted((a, b) => a.compare(b)),
        );
      }),
    );
  });

  test('a number has the fewest octets', () => {
    assert.equal(encode(unsignedInteger(Buffer.from('0000ff', 'hex'))).toString('hex'), '020200ff');
    assert.equal(encode(unsignedInteger(Buffer.from('00007f', 'hex'))).toString('hex'), '02017f');
    assert.equal(encode(unsignedInteger(Buffer.from('00', 'hex'))).toString('hex'), '020100');
  });
});

describe('only DER is read', () => {
  const accept = (hex: string) => decode(Buffer.from(hex, 'hex'), MAX);
  const refuse = (hex: string) => assert.throws(() => accept(hex), fault('M4C_MALFORMED'), hex);

  test('one encoding of each value', () => {
    for (const hex of ['0401ff', '3003020101', `048180${'00'.repeat(128)}`, '020200ff']) accept(hex);
    refuse('048101ff'); // a length that would fit into one octet
    refuse('04820001ff');
    refuse('30800201010000'); // indefinite length
    refuse('02020001'); // padded integer
    refuse('0202ff80'); // padded negative integer
    refuse('0401ff00'); // trailing octet
    refuse('0402ff'); // cut off
    refuse('04'); // no length
    refuse(''); // nothing
    refuse('0484ffffffff00'); // a length beyond what there is
    refuse('1f8101'); // a long tag
  });

  test('a string in pieces is none, and a list is nothing else', () => {
    for (const hex of ['24030401ff', '23030401ff', '2c030401ff', '1000', '1100', '0000']) refuse(hex);
  });

  test('a reader takes its own type, and in the right form', () => {
    const values = {
      octets: accept('0401ff'),
      bits: accept('030200ff'),
      integer: accept('020101'),
      truth: accept('0101ff'),
      id: accept('06022a03'),
      text: accept('0c0161'),
      sequence: accept('3000'),
      set: accept('3100'),
      constructed: accept('a200'),
      primitive: accept('8200'),
    };
    type Name = keyof typeof values;
    const readers: [(value: Der | undefined) => unknown, ...Name[]][] = [
      [(value) => readOctetString(value, ''), 'octets'],
      [(value) => readBitString(value, ''), 'bits'],
      [(value) => readBitList(value, ''), 'bits'],
      [(value) => readInteger(value, ''), 'integer'],
      [(value) => readBoolean(value, ''), 'truth'],
      [(value) => readOid(value, ''), 'id'],
      [(value) => readText(value, ''), 'text'],
      [(value) => readTime(value, '')],
      [(value) => readSequence(value, ''), 'sequence'],
      [(value) => readSet(value, ''), 'set'],
      [(value) => readTagged(value, 2, ''), 'constructed'],
      [(value) => readTaggedOctets(value, 2, ''), 'primitive'],
      [(value) => readTagged(value, 3, '')],
      [(value) => readTaggedOctets(value, 3, '')],
    ];
    for (const [read, ...takes] of readers) {
      assert.throws(() => read(undefined), fault('M4C_MALFORMED'));
      for (const [name, value] of Object.entries(values))
        if (takes.includes(name as Name)) read(value);
        else assert.throws(() => read(value), fault('M4C_MALFORMED'), `${read.toString()} ${name}`);
    }
  });

  test('an object identifier has one encoding', () => {
    assert.equal(readOid(accept('060455041d0f'), ''), '2.5.4.29.15');
    for (const hex of [
      '0600', // empty
      '0603558004', // an arc with a leading zero
      '06025584', // an arc that does not end
    ])
      assert.throws(() => readOid(accept(hex), ''), fault('M4C_MALFORMED'), hex);
  });

  test('within bounds of depth and size', () => {
    const nested = (depth: number): Der => (depth === 0 ? nullValue() : sequence(nested(depth - 1)));
    again(nested(30));
    assert.throws(() => again(nested(40)), fault('M4C_MALFORMED'));
    assert.throws(() => decode(Buffer.from('30'.repeat(60_000), 'hex'), MAX), fault('M4C_MALFORMED'));
    decode(encode(octetString(Buffer.alloc(90))), 92);
    assert.throws(() => decode(encode(octetString(Buffer.alloc(91))), 92), fault('M4C_MALFORMED'));
  });

  test('any octets are read or refused, never a bug', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        try {
          assert.deepEqual(encode(decode(input, MAX)), Buffer.from(input));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'M4C_MALFORMED');
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a time is one that exists', () => {
    readTime(accept('170d3236303232383132303030305a'), '');
    for (const hex of [
      '170d3236303233303132303030305a', // 30 February
      '170d32363032323832353030 30305a'.replaceAll(' ', ''), // 25 o'clock
      '170b3236303232383132303030', // without Z
      '0400', // no time
    ])
      assert.throws(() => readTime(accept(hex), ''), fault('M4C_MALFORMED'), hex);
  });

  test('a negative or long number is not small', () => {
    assert.deepEqual(readInteger(accept('0201ff'), ''), Buffer.from([0xff]));
    for (const hex of ['0201ff', '02050100000000', '0200'])
      assert.throws(() => readSmallInteger(accept(hex), ''), fault('M4C_MALFORMED'), hex);
  });
});
