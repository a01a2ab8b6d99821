/**
 * DER through node-forge: builders, and readers that refuse whatever has another shape. forge by itself reads BER as
 * well; `decode` accepts only the one encoding that DER allows.
 */
import forge from 'node-forge';
import { Mom4cError } from '@mom4c/core';

const { asn1 } = forge;
const { Class, Type } = asn1;

export type Der = forge.asn1.Asn1;

/** Deeper than any object of ours; forge's own limit of 256 leaves more room than is needed. */
const MAX_DEPTH = 32;

// --- building -------------------------------------------------------------------------------------------------

const bytesOf = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1');
const primitive = (type: forge.asn1.Type, value: string): Der =>
  asn1.create(Class.UNIVERSAL, type, false, value);

export const sequence = (...items: Der[]): Der => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items);

/** SET OF, in the order that DER demands (X.690 §11.6). */
export function setOf(...items: Der[]): Der {
  const sorted = items.map((item) => ({ item, der: encode(item) })).toSorted((a, b) => a.der.compare(b.der));
  return asn1.create(
    Class.UNIVERSAL,
    Type.SET,
    true,
    sorted.map(({ item }) => item),
  );
}

export const oid = (dotted: string): Der => primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
export const octetString = (octets: Uint8Array): Der => primitive(Type.OCTETSTRING, bytesOf(octets));
/** Of whole octets. */
export const bitString = (octets: Uint8Array): Der => primitive(Type.BITSTRING, `\0${bytesOf(octets)}`);
/** A named bit list: DER cuts trailing zero bits (X.690 §11.2.2). @param bits numbers of the bits that are set */
export function bitList(bits: readonly number[]): Der {
  const highest = Math.max(...bits);
  const octets = Buffer.alloc((highest >> 3) + 1);
  for (const bit of bits) octets[bit >> 3] = octets[bit >> 3]! | (0x80 >> (bit & 7));
  return primitive(Type.BITSTRING, String.fromCharCode(7 - (highest & 7)) + bytesOf(octets));
}
export const boolean = (value: boolean): Der => primitive(Type.BOOLEAN, value ? '\xff' : '\0');
export const printableString = (text: string): Der => primitive(Type.PRINTABLESTRING, text);
export const utf8String = (text: string): Der => primitive(Type.UTF8, bytesOf(Buffer.from(text)));
export const nullValue = (): Der => primitive(Type.NULL, '');
/** Seconds; RFC 5280 §4.1.2.5 switches from UTCTime to GeneralizedTime at 2050. */
export function time(milliseconds: number): Der {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return digits < '2050' ? primitive(Type.UTCTIME, digits.slice(2)) : primitive(Type.GENERALIZEDTIME, digits);
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
  return primitive(Type.INTEGER, minimal[0]! & 0x80 ? `\0${bytesOf(minimal)}` : bytesOf(minimal));
}
/** `[tag] { items }`: EXPLICIT with one item, IMPLICIT SEQUENCE or SET with the items of it. */
export const tagged = (tag: number, ...items: Der[]): Der =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, true, items);
/** `[tag] IMPLICIT OCTET STRING`, or any other primitive type. */
export const taggedOctets = (tag: number, octets: Uint8Array): Der =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, false, bytesOf(octets));

export function encode(value: Der): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
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
 * One value, in the one encoding that DER allows: what is signed or compared later by encoding it anew is then
 * exactly what came. @param maxOctets checked before anything is parsed @throws Mom4cError M4C_MALFORMED
 */
export function decode(octets: Uint8Array, maxOctets: number): Der {
  if (octets.length > maxOctets) throw malformed(`longer than ${maxOctets} octets`);
  const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: MAX_DEPTH };
  let value: Der;
  try {
    // The types of forge know only the boolean form of the second argument.
    value = asn1.fromDer(bytesOf(octets), options as unknown as boolean);
  } catch {
    // forge's texts may quote the input.
    throw malformed('not DER');
  }
  if (!encode(value).equals(octets)) throw malformed('not DER');
  return value;
}

function isUniversal(value: Der | undefined, type: forge.asn1.Type): value is Der {
  return value !== undefined && value.tagClass === Class.UNIVERSAL && value.type === type;
}

function isPrimitive(value: Der | undefined, type: forge.asn1.Type): value is Der {
  return isUniversal(value, type) && !value.constructed;
}

function items(value: Der, what: string, count: number | undefined): Der[] {
  const list = Array.isArray(value.value) ? value.value : [];
  if (count !== undefined && list.length !== count) throw malformed(`${what}: ${count} items expected`);
  return list;
}

function octetsOf(value: Der): Buffer {
  return Buffer.from(value.value as string, 'latin1');
}

export const isSequence = (value: Der | undefined): value is Der => isUniversal(value, Type.SEQUENCE);
export const isOctetString = (value: Der | undefined): value is Der => isUniversal(value, Type.OCTETSTRING);
export const isNull = (value: Der | undefined): boolean =>
  isPrimitive(value, Type.NULL) && value.value === '';

/** @param count how many items it must have, or undefined for any number */
export function readSequence(value: Der | undefined, what: string, count?: number): Der[] {
  if (!isUniversal(value, Type.SEQUENCE) || !value.constructed) throw malformed(`${what}: SEQUENCE expected`);
  return items(value, what, count);
}

export function readSet(value: Der | undefined, what: string, count?: number): Der[] {
  if (!isUniversal(value, Type.SET) || !value.constructed) throw malformed(`${what}: SET expected`);
  return items(value, what, count);
}

export function isTagged(value: Der | undefined, tag: number): value is Der {
  return value !== undefined && value.tagClass === Class.CONTEXT_SPECIFIC && Number(value.type) === tag;
}

/** The items inside of `[tag]`. */
export function readTagged(value: Der | undefined, tag: number, what: string, count?: number): Der[] {
  if (!isTagged(value, tag) || !value.constructed) throw malformed(`${what}: [${tag}] expected`);
  return items(value, what, count);
}

export function readTaggedOctets(value: Der | undefined, tag: number, what: string): Buffer {
  if (!isTagged(value, tag) || value.constructed) throw malformed(`${what}: [${tag}] octets expected`);
  return octetsOf(value);
}

export function readOid(value: Der | undefined, what: string): string {
  if (!isPrimitive(value, Type.OID)) throw malformed(`${what}: OBJECT IDENTIFIER expected`);
  const encoded = value.value as string;
  if (encoded.length === 0 || encoded.length > 64 || encoded.charCodeAt(encoded.length - 1) & 0x80)
    throw malformed(`${what}: OBJECT IDENTIFIER expected`);
  return asn1.derToOid(encoded);
}

export function expectOid(value: Der | undefined, dotted: string, what: string): void {
  if (readOid(value, what) !== dotted) throw malformed(`${what}: ${dotted} expected`);
}

export function readOctetString(value: Der | undefined, what: string): Buffer {
  if (!isPrimitive(value, Type.OCTETSTRING)) throw malformed(`${what}: OCTET STRING expected`);
  return octetsOf(value);
}

/** Without unused bits. */
export function readBitString(value: Der | undefined, what: string): Buffer {
  if (!isPrimitive(value, Type.BITSTRING)) throw malformed(`${what}: BIT STRING expected`);
  const content = octetsOf(value);
  if (content[0] !== 0) throw malformed(`${what}: BIT STRING of whole octets expected`);
  return content.subarray(1);
}

/** A named bit list of at most 16 bits: the numbers of those that are set. */
export function readBitList(value: Der | undefined, what: string): Set<number> {
  if (!isPrimitive(value, Type.BITSTRING)) throw malformed(`${what}: BIT STRING expected`);
  const content = octetsOf(value);
  if (content.length < 1 || content.length > 3 || content[0]! > 7)
    throw malformed(`${what}: BIT STRING expected`);
  const bits = new Set<number>();
  for (let bit = 0; bit < (content.length - 1) * 8; bit++)
    if (content[1 + (bit >> 3)]! & (0x80 >> (bit & 7))) bits.add(bit);
  return bits;
}

export function readBoolean(value: Der | undefined, what: string): boolean {
  if (!isPrimitive(value, Type.BOOLEAN) || (value.value !== '\0' && value.value !== '\xff'))
    throw malformed(`${what}: BOOLEAN expected`);
  return value.value === '\xff';
}

/** Not negative, below 2^31. */
export function readSmallInteger(value: Der | undefined, what: string): number {
  const content = readInteger(value, what);
  if (content.length > 4 || content[0]! > 127) throw malformed(`${what}: small INTEGER expected`);
  return content.readUIntBE(0, content.length);
}

/** The content octets, two's complement. */
export function readInteger(value: Der | undefined, what: string): Buffer {
  if (!isPrimitive(value, Type.INTEGER)) throw malformed(`${what}: INTEGER expected`);
  const content = octetsOf(value);
  if (content.length === 0) throw malformed(`${what}: INTEGER expected`);
  return content;
}

const TEXTS = [Type.UTF8, Type.PRINTABLESTRING, Type.IA5STRING] as const;

/** UTF8String, PrintableString or IA5String. */
export function readText(value: Der | undefined, what: string): string {
  if (!value || !TEXTS.some((type) => isPrimitive(value, type))) throw malformed(`${what}: text expected`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octetsOf(value));
  } catch {
    throw malformed(`${what}: not UTF-8`);
  }
}

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 narrows them. @returns milliseconds since 1970 */
export function readTime(value: Der | undefined, what: string): number {
  const isUtc = isPrimitive(value, Type.UTCTIME);
  if (!isUtc && !isPrimitive(value, Type.GENERALIZEDTIME)) throw malformed(`${what}: time expected`);
  const text = value.value as string;
  const century = Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const digits = isUtc ? century + text : text;
  const iso = digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const milliseconds = iso === digits ? Number.NaN : Date.parse(iso);
  // Date.parse rolls 31 February over into March.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== iso)
    throw malformed(`${what}: time expected`);
  return milliseconds;
}
