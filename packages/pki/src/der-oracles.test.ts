// Mutation seen red: lengths not minimal accepted, padded integers accepted, trailing octets accepted, lengths of lengths off by one,
// arcs of 32 bits, SET OF not sorted.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import forge from 'node-forge';
import {
  type Der,
  bitString,
  boolean,
  decode,
  encode,
  nullValue,
  octetString,
  oid,
  readOid,
  sequence,
  setOf,
  tagged,
  taggedOctets,
  unsignedInteger,
  utf8String,
} from './der.ts';
import { openssl } from './test-domain.ts';

const { asn1 } = forge;
const MAX = 65_536;
const oracle = openssl();
after(() => oracle.remove());

/** What forge reads and writes back unchanged: its reader takes BER as well. */
function forgeAccepts(octets: Uint8Array): boolean {
  const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: 32 };
  try {
    // The types of forge know only the boolean form of the second argument.
    const text = Buffer.from(octets).toString('latin1');
    return asn1.toDer(asn1.fromDer(text, options as unknown as boolean)).getBytes() === text;
  } catch {
    return false;
  }
}

function weAccept(octets: Uint8Array): boolean {
  try {
    decode(octets, MAX);
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'M4C_MALFORMED');
    return false;
  }
}

const octets = fc.uint8Array({ maxLength: 300 });
const { tree } = fc.letrec<{ tree: Der }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    octets.map(octetString),
    octets.map(bitString),
    octets.map((value) => taggedOctets(3, value)),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map(unsignedInteger),
    fc.boolean().map(boolean),
    fc.constant(null).map(nullValue),
    fc.constantFrom('2.5.4.3', '1.2.840.113549.1.7.2', '2.999.3').map(oid),
    fc.string({ unit: 'grapheme' }).map(utf8String),
    fc.array(tie('tree'), { maxLength: 5 }).map((items) => sequence(...items)),
    fc.array(tie('tree'), { maxLength: 5 }).map((items) => setOf(...items)),
    fc.array(tie('tree'), { maxLength: 5 }).map((items) => tagged(1, ...items)),
  ),
}));

describe('beside node-forge', () => {
  test('what we write it reads, and writes the same', () => {
    fc.assert(
      fc.property(tree, (value) => {
        assert.ok(forgeAccepts(encode(value)));
        assert.ok(weAccept(encode(value)));
      }),
    );
    for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
      const value = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, false, '\0'.repeat(length));
      const expected = Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
      assert.deepEqual(encode(octetString(Buffer.alloc(length))), expected);
    }
  });

  test('what we read in altered octets, it reads too', () => {
    let [read, refused] = [0, 0];
    const change = fc.record({
      at: fc.nat(),
      octet: fc.nat(255),
      kind: fc.constantFrom('set', 'drop', 'add'),
    });
    fc.assert(
      fc.property(tree, fc.array(change, { minLength: 1, maxLength: 3 }), (value, changes) => {
        let altered: number[] = [...encode(value)];
        for (const { at, octet, kind } of changes) {
          const position = at % altered.length;
          if (kind === 'set') altered = altered.with(position, octet);
          else
            altered = altered.toSpliced(
              position,
              kind === 'drop' ? 1 : 0,
              ...(kind === 'add' ? [octet] : []),
            );
          if (altered.length === 0) return;
        }
        const input = Buffer.from(altered);
        if (weAccept(input)) {
          read += 1;
          assert.ok(
            forgeAccepts(input) || isMistaken(decode(input, MAX)),
            `we read what forge refuses: ${input.toString('hex')}`,
          );
        } else {
          refused += 1;
          if (forgeAccepts(input)) assert.ok(isStricter(input), `we refuse: ${input.toString('hex')}`);
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(read > 100 && refused > 100, `${read} read, ${refused} refused`);
  });
});

/** forge takes every type 2, of any class, for an INTEGER, and every type 30 for a string of double octets. */
const isMistaken = ({ tag, items = [] }: Der): boolean =>
  (tag & 0x1f) === 30 || ((tag & 0x1f) === 2 && tag !== 2) || items.some(isMistaken);

/** DER forbids what forge lets pass: a string in pieces, a SEQUENCE that is primitive, an INTEGER of no or of too many
 *  octets, type 0; type 31 is the mark of a longer number, which forge does not read. */
function isStricter(input: Buffer): boolean {
  const text = input.toString('latin1');
  const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: 32 };
  const faulty = ({ tagClass, type, constructed, value }: forge.asn1.Asn1): boolean => {
    const isUniversal = tagClass === asn1.Class.UNIVERSAL;
    const isList = type === asn1.Type.SEQUENCE || type === asn1.Type.SET;
    if (Number(type) === 0x1f) return true;
    if (isUniversal && (type === asn1.Type.NONE || isList !== constructed)) return true;
    if (isUniversal && type === asn1.Type.INTEGER && value === '') return true;
    return Array.isArray(value) && value.some(faulty);
  };
  return faulty(asn1.fromDer(text, options as unknown as boolean));
}

describe('beside openssl', () => {
  test('it reads what we write, item by item', () => {
    const value = sequence(
      setOf(octetString(Buffer.alloc(200, 1)), unsignedInteger(Buffer.from('ff', 'hex'))),
      tagged(0, oid('1.2.840.113549.1.7.2'), octetString(Buffer.alloc(70_000))),
      taggedOctets(1, Buffer.alloc(127)),
      bitString(Buffer.alloc(128)),
    );
    oracle.file('value', encode(value));
    const listed = oracle.run('asn1parse', '-inform', 'DER', '-in', 'value').toString();
    const lengths = [...listed.matchAll(/hl=(\d) l= *(\d+)/g)].map(([, header, length]) => [header, length]);
    assert.deepEqual(lengths, [
      ['5', '70492'],
      ['3', '207'],
      ['2', '2'],
      ['3', '200'],
      ['5', '70016'],
      ['2', '9'],
      ['5', '70000'],
      ['2', '127'],
      ['3', '129'],
    ]);
  });

  test('identifiers of objects, with arcs of any size', () => {
    for (const dotted of [
      '0.39.7',
      '1.0.8571.9',
      '2.999.3',
      '1.2.4294967297',
      '2.25.329800735698586629295641978511506172918',
    ]) {
      const der = encode(oid(dotted));
      oracle.file('oid', der);
      const listed = oracle.run('asn1parse', '-inform', 'DER', '-in', 'oid').toString();
      assert.equal(listed.trim().split(':').at(-1), dotted);
      assert.equal(readOid(decode(der, MAX), ''), dotted);
    }
    // 2^32 + 2 is not 2.
    assert.equal(readOid(decode(Buffer.from('06062a9080808002', 'hex'), MAX), ''), '1.2.4294967298');
    for (const hex of ['06032a8001', '06022a80', '0600', '060180'])
      assert.throws(() => readOid(decode(Buffer.from(hex, 'hex'), MAX), ''), { code: 'M4C_MALFORMED' }, hex);
  });
});
