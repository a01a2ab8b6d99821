/**
 * DER (X.690): builders, and readers that refuse whatever has another shape.
 *
 * INVARIANTS:
 * - `decode` accepts only the one encoding that DER allows, so that what is signed or compared later is what came.
 * - A value that was read is a view into the octets that it was read from: nothing is copied, nothing written anew.
 * - A value that was built is written once, by `encode`, into a buffer of the right size.
 */
import { Mom4cError } from '@mom4c/core';

export type Der = {
  /** The identifier octet: class, constructed or not, number below 31. */
  readonly tag: number;
  /** Of the contents, in octets. */
  readonly length: number;
  /** What is inside of a constructed value; undefined in a primitive one. */
  readonly items: readonly Der[] | undefined;
  /** Holds the contents from `at` on; undefined in a constructed value that was built. */
  readonly source: Buffer | undefined;
  readonly at: number;
  /** Whether identifier and length stand in `source` too, before `at`. */
  readonly whole: boolean;
};

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONSTRUCTED = 0x20;
const CONTEXT_SPECIFIC = 0x80;
const CLASS = 0xc0;
/** This number says that the real one follows in more octets: none of ours is so high. */
const LONG_NUMBER = 0x1f;
/** Deeper than any object of ours. */
const MAX_DEPTH = 32;

// --- building -------------------------------------------------------------------------------------------------

export const bufferOf = (octets: Uint8Array): Buffer =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);

function primitive(tag: number, contents: Uint8Array): Der {
  return { tag, length: contents.length, items: undefined, source: bufferOf(contents), at: 0, whole: false };
}

function constructed(tag: number, items: readonly Der[]): Der {
  let length = 0;
  for (const item of items) length += headerSize(item.length) + item.length;
  return { tag, length, items, source: undefined, at: 0, whole: false };
}

export const sequence = (...items: Der[]): Der => constructed(TAG.sequence, items);

/** SET OF, in the order that DER demands (X.690 §11.6). */
export const setOf = (...items: Der[]): Der =>
  constructed(TAG.set, items.map(written).sort(compareEncodings));

/** Encoded octets by dotted form, and the other way round: of those that the program itself names. */
const oidOctets = new Map<string, Buffer>();
const oidNames = new Map<string, string>();

function oidContents(dotted: string): Buffer {
  const known = oidOctets.get(dotted);
  if (known) return known;
  const [first = 0n, second = 0n, ...more] = dotted.split('.').map(BigInt);
  const contents = Buffer.concat([first * 40n + second, ...more].map(base128));
  oidOctets.set(dotted, contents);
  oidNames.set(contents.toString('latin1'), dotted);
  return contents;
}

/** Seven bits an octet, the highest bit set in all but the last (X.690 §8.19.2). */
function base128(arc: bigint): Buffer {
  const octets = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(0x80 | Number(rest & 0x7fn));
  return Buffer.from(octets);
}

/** @param dotted a constant of the program: it is remembered */
export const oid = (dotted: string): Der => primitive(TAG.oid, oidContents(dotted));
export const octetString = (octets: Uint8Array): Der => primitive(TAG.octetString, octets);
/** Of whole octets. */
export const bitString = (octets: Uint8Array): Der =>
  primitive(TAG.bitString, Buffer.concat([Buffer.alloc(1), octets]));
/** A named bit list: DER cuts trailing zero bits (X.690 §11.2.2). @param bits numbers of the bits that are set */
export function bitList(bits: readonly number[]): Der {
  const highest = Math.max(...bits);
  const octets = Buffer.alloc((highest >> 3) + 2);
  octets[0] = 7 - (highest & 7);
  for (const bit of bits) octets[1 + (bit >> 3)] = octets[1 + (bit >> 3)]! | (0x80 >> (bit & 7));
  return primitive(TAG.bitString, octets);
}
export const boolean = (value: boolean): Der => primitive(TAG.boolean, Buffer.from([value ? 0xff : 0]));
export const printableString = (text: string): Der => primitive(TAG.printable, Buffer.from(text, 'latin1'));
export const utf8String = (text: string): Der => primitive(TAG.utf8, Buffer.from(text));
export const nullValue = (): Der => primitive(TAG.null, Buffer.alloc(0));
/** Seconds; RFC 5280 §4.1.2.5 switches from UTCTime to GeneralizedTime at 2050. */
export function time(milliseconds: number): Der {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return digits < '2050'
    ? primitive(TAG.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : primitive(TAG.generalizedTime, Buffer.from(digits, 'latin1'));
}
/** Not negative, below 2^31. */
export function smallInteger(value: number): Der {
  const octets = Buffer.alloc(4);
  octets.writeInt32BE(value);
  return unsignedInteger(octets);
}
/** Unsigned, big-endian. */
export function unsignedInteger(octets: Uint8Array): Der {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const minimal = octets.subarray(start);
  return primitive(TAG.integer, minimal[0]! & 0x80 ? Buffer.concat([Buffer.alloc(1), minimal]) : minimal);
}
/** `[tag] { items }`: EXPLICIT with one item, IMPLICIT SEQUENCE or SET with the items of it. */
export const tagged = (tag: number, ...items: readonly Der[]): Der =>
  constructed(CONTEXT_SPECIFIC | CONSTRUCTED | tag, items);
/** `[tag] IMPLICIT OCTET STRING`, or any other primitive type. */
export const taggedOctets = (tag: number, octets: Uint8Array): Der =>
  primitive(CONTEXT_SPECIFIC | tag, octets);

/** `[tag] IMPLICIT` in the place of a SET OF: the same contents (X.690 §8.14.3). */
export const implicitly = (tag: number, set: Der): Der => ({
  ...set,
  tag: CONTEXT_SPECIFIC | CONSTRUCTED | tag,
  whole: false,
});
/** The SET OF that stands behind an IMPLICIT tag. */
export const asSetOf = (implicit: Der): Der => ({ ...implicit, tag: TAG.set, whole: false });

/** Octets that may be shared with the value: not to be changed. */
export function encode(value: Der): Buffer {
  if (value.whole) return value.source!.subarray(value.at - headerSize(value.length), end(value));
  const target = Buffer.allocUnsafe(headerSize(value.length) + value.length);
  write(value, target, 0);
  return target;
}

/** The same value, written: for what goes into many others. */
export function written(value: Der): Der {
  if (value.whole) return value;
  return { ...value, source: encode(value), at: headerSize(value.length), whole: true };
}

/** @returns where to go on */
function write({ tag, length, items, source, at }: Der, target: Buffer, position: number): number {
  target[position] = tag;
  let next = writeLength(length, target, position + 1);
  if (source) return next + source.copy(target, next, at, at + length);
  for (const item of items!) next = write(item, target, next);
  return next;
}

function writeLength(length: number, target: Buffer, position: number): number {
  if (length < 0x80) {
    target[position] = length;
    return position + 1;
  }
  const octets = lengthOctets(length);
  target[position] = 0x80 | octets;
  return target.writeUIntBE(length, position + 1, octets);
}

/** How many octets a length from 128 on needs. */
const lengthOctets = (length: number): number =>
  length < 0x100 ? 1 : length < 0x1_0000 ? 2 : length < 0x100_0000 ? 3 : 4;
const headerSize = (length: number): number => (length < 0x80 ? 2 : 2 + lengthOctets(length));

const end = (value: Der): number => value.at + value.length;
const start = (value: Der): number => value.at - headerSize(value.length);

/** Both must be whole. */
function compareEncodings(a: Der, b: Der): number {
  return a.source!.compare(b.source!, start(b), end(b), start(a), end(a));
}

// --- reading --------------------------------------------------------------------------------------------------

/** What a reader throws; see `reading` to turn it into the fault of another protocol. */
export function malformed(what: string): Mom4cError {
  return new Mom4cError('M4C_MALFORMED', what);
}

/** Runs a reader whose faults are faults of a certificate or keystore instead of a message. */
export function reading<Value>(
  code: 'M4C_CERTIFICATE_INVALID' | 'M4C_KEYSTORE_UNREADABLE',
  read: () => Value,
): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof Mom4cError && error.code === 'M4C_MALFORMED')
      throw new Mom4cError(code, error.detail, { cause: error });
    throw error;
  }
}

/**
 * One value, in the one encoding that DER allows. Nothing is copied: the octets must not be changed any more.
 * @param maxOctets checked before anything is parsed @throws Mom4cError M4C_MALFORMED
 */
export function decode(octets: Uint8Array, maxOctets: number): Der {
  if (octets.length > maxOctets) throw malformed(`longer than ${maxOctets} octets`);
  const source = bufferOf(octets);
  const value = readValue(source, 0, source.length, 0);
  if (end(value) !== source.length) throw notDer();
  return value;
}

/** @param limit where whatever it stands in ends */
function readValue(source: Buffer, position: number, limit: number, depth: number): Der {
  if (position + 2 > limit || depth > MAX_DEPTH) throw notDer();
  const tag = source[position]!;
  let length = source[position + 1]!;
  let at = position + 2;
  if (length >= 0x80) {
    const octets = length & 0x7f;
    // No indefinite length, and none beyond what any bound of ours allows.
    if (octets === 0 || octets > 4 || at + octets > limit) throw notDer();
    length = source.readUIntBE(at, octets);
    at += octets;
    if (length < 0x80 || lengthOctets(length) !== octets) throw notDer();
  }
  if (at + length > limit) throw notDer();
  checkTag(tag);
  if (tag === TAG.integer) checkInteger(source, at, length);
  const items = tag & CONSTRUCTED ? readItems(source, at, at + length, depth + 1) : undefined;
  return { tag, length, items, source, at, whole: true };
}

function readItems(source: Buffer, from: number, to: number, depth: number): Der[] {
  const found: Der[] = [];
  for (let position = from; position < to; ) {
    const item = readValue(source, position, to, depth);
    found.push(item);
    position = end(item);
  }
  return found;
}

/** DER has no strings in pieces (X.690 §10.2); SEQUENCE and SET alone are constructed, and always. */
function checkTag(tag: number): void {
  if ((tag & LONG_NUMBER) === LONG_NUMBER || tag === 0) throw notDer();
  if ((tag & CLASS) !== 0) return;
  const number = tag & LONG_NUMBER;
  const isList = number === (TAG.sequence & LONG_NUMBER) || number === (TAG.set & LONG_NUMBER);
  if (isList !== (tag & CONSTRUCTED) > 0) throw notDer();
}

/** X.690 §8.3.2: the first nine bits are not all the same. */
function checkInteger(source: Buffer, at: number, length: number): void {
  if (length === 0) throw notDer();
  if (length === 1) return;
  const isPadded = source[at + 1]! & 0x80 ? source[at] === 0xff : source[at] === 0;
  if (isPadded) throw notDer();
}

function notDer(): Mom4cError {
  return malformed('not DER');
}

function itemsOf(value: Der, what: string, count: number | undefined): readonly Der[] {
  const list = value.items ?? [];
  if (count !== undefined && list.length !== count) throw malformed(`${what}: ${count} items expected`);
  return list;
}

function octetsOf(value: Der): Buffer {
  return value.source!.subarray(value.at, end(value));
}

const textOf = (value: Der): string => value.source!.toString('latin1', value.at, end(value));

export const isSequence = (value: Der | undefined): value is Der => value?.tag === TAG.sequence;
export const isOctetString = (value: Der | undefined): value is Der => value?.tag === TAG.octetString;
export const isNull = (value: Der | undefined): boolean => value?.tag === TAG.null && value.length === 0;

/** @param count how many items it must have, or undefined for any number */
export function readSequence(value: Der | undefined, what: string, count?: number): readonly Der[] {
  if (value?.tag !== TAG.sequence) throw malformed(`${what}: SEQUENCE expected`);
  return itemsOf(value, what, count);
}

export function readSet(value: Der | undefined, what: string, count?: number): readonly Der[] {
  if (value?.tag !== TAG.set) throw malformed(`${what}: SET expected`);
  return itemsOf(value, what, count);
}

/** Are the items in the order of a SET OF (X.690 §11.6)? As they were read. */
export function isSorted(items: readonly Der[]): boolean {
  for (let n = 1; n < items.length; n++) if (compareEncodings(items[n - 1]!, items[n]!) > 0) return false;
  return true;
}

export function isTagged(value: Der | undefined, tag: number): value is Der {
  return value !== undefined && (value.tag & ~CONSTRUCTED) === (CONTEXT_SPECIFIC | tag);
}

/** The items inside of `[tag]`. */
export function readTagged(
  value: Der | undefined,
  tag: number,
  what: string,
  count?: number,
): readonly Der[] {
  if (!isTagged(value, tag) || !value.items) throw malformed(`${what}: [${tag}] expected`);
  return itemsOf(value, what, count);
}

export function readTaggedOctets(value: Der | undefined, tag: number, what: string): Buffer {
  if (!isTagged(value, tag) || value.items) throw malformed(`${what}: [${tag}] octets expected`);
  return octetsOf(value);
}

const MAX_OID_OCTETS = 64;

export function readOid(value: Der | undefined, what: string): string {
  if (value?.tag !== TAG.oid || value.length === 0 || value.length > MAX_OID_OCTETS)
    throw malformed(`${what}: OBJECT IDENTIFIER expected`);
  return oidNames.get(textOf(value)) ?? readArcs(octetsOf(value), what);
}

/** X.690 §8.19. Arcs of any size, each in the fewest octets, so that no two encodings have one name. */
function readArcs(contents: Buffer, what: string): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  let isFirst = true;
  for (const octet of contents) {
    if (isFirst && octet === 0x80) throw malformed(`${what}: OBJECT IDENTIFIER expected`);
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    isFirst = octet < 0x80;
    if (!isFirst) continue;
    arcs.push(arc);
    arc = 0n;
  }
  if (!isFirst) throw malformed(`${what}: OBJECT IDENTIFIER expected`);
  const [head = 0n, ...more] = arcs;
  const first = head < 80n ? head / 40n : 2n;
  return [first, head - first * 40n, ...more].join('.');
}

export function expectOid(value: Der | undefined, dotted: string, what: string): void {
  if (readOid(value, what) !== dotted) throw malformed(`${what}: ${dotted} expected`);
}

export function readOctetString(value: Der | undefined, what: string): Buffer {
  if (value?.tag !== TAG.octetString) throw malformed(`${what}: OCTET STRING expected`);
  return octetsOf(value);
}

/** Without unused bits. */
export function readBitString(value: Der | undefined, what: string): Buffer {
  if (value?.tag !== TAG.bitString) throw malformed(`${what}: BIT STRING expected`);
  const content = octetsOf(value);
  if (content[0] !== 0) throw malformed(`${what}: BIT STRING of whole octets expected`);
  return content.subarray(1);
}

/** A named bit list of at most 16 bits: the numbers of those that are set. */
export function readBitList(value: Der | undefined, what: string): Set<number> {
  if (value?.tag !== TAG.bitString) throw malformed(`${what}: BIT STRING expected`);
  const content = octetsOf(value);
  if (content.length < 1 || content.length > 3 || content[0]! > 7)
    throw malformed(`${what}: BIT STRING expected`);
  const bits = new Set<number>();
  for (let bit = 0; bit < (content.length - 1) * 8; bit++)
    if (content[1 + (bit >> 3)]! & (0x80 >> (bit & 7))) bits.add(bit);
  return bits;
}

export function readBoolean(value: Der | undefined, what: string): boolean {
  const octet = value?.tag === TAG.boolean && value.length === 1 ? value.source![value.at] : undefined;
  if (octet !== 0 && octet !== 0xff) throw malformed(`${what}: BOOLEAN expected`);
  return octet === 0xff;
}

/** Not negative, below 2^31. */
export function readSmallInteger(value: Der | undefined, what: string): number {
  const content = readInteger(value, what);
  if (content.length > 4 || content[0]! > 127) throw malformed(`${what}: small INTEGER expected`);
  return content.readUIntBE(0, content.length);
}

/** The content octets, two's complement. */
export function readInteger(value: Der | undefined, what: string): Buffer {
  if (value?.tag !== TAG.integer) throw malformed(`${what}: INTEGER expected`);
  return octetsOf(value);
}

const TEXTS: readonly (number | undefined)[] = [TAG.utf8, TAG.printable, TAG.ia5];

/** UTF8String, PrintableString or IA5String. */
export function readText(value: Der | undefined, what: string): string {
  if (!value || !TEXTS.includes(value.tag)) throw malformed(`${what}: text expected`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octetsOf(value));
  } catch {
    throw malformed(`${what}: not UTF-8`);
  }
}

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 narrows them. @returns milliseconds since 1970 */
export function readTime(value: Der | undefined, what: string): number {
  if (value?.tag !== TAG.utcTime && value?.tag !== TAG.generalizedTime)
    throw malformed(`${what}: time expected`);
  const text = textOf(value);
  const century = Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const digits = value.tag === TAG.utcTime ? century + text : text;
  const iso = digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const milliseconds = iso === digits ? Number.NaN : Date.parse(iso);
  // Date.parse rolls 31 February over into March.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== iso)
    throw malformed(`${what}: time expected`);
  return milliseconds;
}
