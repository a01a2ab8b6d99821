/**
 * What goes into the envelope of a SCEP request: a PKCS#10 CertificationRequest (RFC 2986) with a challengePassword;
 * and the self-signed certificate with which a node that has none yet signs its first request (RFC 8894 §2.3).
 */
import { createHash, createPublicKey, sign, timingSafeEqual, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Random, Role } from '@mom4c/core';
import { EXTENSION, subjectAltName, uriName, xmppName } from './certificate-extensions.ts';
import {
  bitString,
  decode,
  encode,
  malformed,
  nullValue,
  octetString,
  oid,
  readBitString,
  readOid,
  readSequence,
  readSet,
  readSmallInteger,
  readTagged,
  readText,
  sequence,
  setOf,
  smallInteger,
  tagged,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts';
import type { Der } from './der.ts';
import { OID_ECDSA_SHA256, OID_SHA256_RSA, readAlgorithm, signatureOf } from './scep-algorithms.ts';
import type { Digest } from './scep-algorithms.ts';
import { isAcceptableKey, MAX_SCEP_OCTETS } from './scep-message.ts';

/** Who a request is for. A foreign client may leave out role and domain; what it does name must be right. */
export type RequestedSubject = {
  readonly name: string;
  readonly role: string | undefined;
  readonly domain: string | undefined;
};

export type CertificationRequest = {
  readonly subject: RequestedSubject;
  /** RSA of 2048 to 4096 bits, or P-256. */
  readonly publicKey: KeyObject;
  /** Of the signature with which it proves to hold the key. */
  readonly digest: Digest;
  readonly challengePassword: string | undefined;
};

type Subject = { readonly name: string; readonly role: Role; readonly domain: string };

const OID_COMMON_NAME = '2.5.4.3';
const OID_ORGANIZATION = '2.5.4.10';
const OID_ORGANIZATIONAL_UNIT = '2.5.4.11';
const OID_CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7';
/** RFC 2985 §5.4.2. */
const OID_EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const MAX_ATTRIBUTES = 8;
/** RFC 2985 §5.4.1: at most 255 characters. */
const MAX_PASSWORD = 255;
const HOUR = 3_600_000;

/** DER of a request for that subject and key. */
export function writeCertificationRequest(
  request: Subject & { key: KeyObject; challengePassword?: string | undefined },
): Buffer {
  const { challengePassword } = request;
  const attributes = [sequence(oid(OID_EXTENSION_REQUEST), setOf(sequence(altNames(request))))];
  if (challengePassword !== undefined)
    attributes.push(sequence(oid(OID_CHALLENGE_PASSWORD), setOf(utf8String(challengePassword))));
  const info = sequence(
    smallInteger(0),
    subjectName(request),
    publicKeyInfo(request.key),
    tagged(0, ...readSet(setOf(...attributes), 'attributes')),
  );
  return signed(info, request.key);
}

/** @throws Mom4cError M4C_MALFORMED, also if the request is not signed with the key that it carries */
export function readCertificationRequest(octets: Uint8Array): CertificationRequest {
  const [info, algorithm, signature] = readSequence(decode(octets, MAX_SCEP_OCTETS), 'request', 3);
  const [version, subject, spki, attributes] = readSequence(info, 'request', 4);
  if (readSmallInteger(version, 'request version') !== 0) throw malformed('request version');
  const publicKey = readPublicKey(encode(sequence(...readSequence(spki, 'public key', 2))));
  const { digest, key } = signatureOf(readAlgorithm(algorithm, 'request signature')) ?? {};
  if (!digest || key !== publicKey.asymmetricKeyType) throw malformed('request signature algorithm');
  if (!verify(digest.name, encode(info!), publicKey, readBitString(signature, 'request signature')))
    throw malformed('the request is not signed with its own key');
  return {
    subject: readSubject(subject),
    publicKey,
    digest,
    challengePassword: readChallengePassword(readTagged(attributes, 0, 'request attributes')),
  };
}

/** A short-lived certificate of a key for itself; nobody trusts it, it only carries the key. */
export function writeSelfSigned(request: Subject & { key: KeyObject; now: number; random: Random }): Buffer {
  const name = subjectName(request);
  const serial = Buffer.from(request.random.bytes(16));
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const tbs = sequence(
    tagged(0, smallInteger(2)),
    unsignedInteger(serial),
    signatureAlgorithm(request.key),
    name,
    sequence(time(request.now - HOUR), time(request.now + HOUR)),
    name,
    publicKeyInfo(request.key),
  );
  return signed(tbs, request.key);
}

/** Equal keys, compared as SubjectPublicKeyInfo. */
export function samePublicKey(one: KeyObject, other: KeyObject): boolean {
  const [a, b] = [one, other].map((key) => key.export({ type: 'spki', format: 'der' })) as [Buffer, Buffer];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** SHA-256 of the SubjectPublicKeyInfo, lower-case hex: what people compare. @param key public or private */
export function keyFingerprint(key: KeyObject): string {
  return createHash('sha256')
    .update(encode(publicKeyInfo(key)))
    .digest('hex');
}

function publicKeyInfo(key: KeyObject): Der {
  return decode(
    (key.type === 'public' ? key : createPublicKey(key)).export({ type: 'spki', format: 'der' }),
    MAX_SCEP_OCTETS,
  );
}

function signatureAlgorithm(key: KeyObject): Der {
  return key.asymmetricKeyType === 'rsa'
    ? sequence(oid(OID_SHA256_RSA), nullValue())
    : sequence(oid(OID_ECDSA_SHA256));
}

function signed(content: Der, key: KeyObject): Buffer {
  return encode(sequence(content, signatureAlgorithm(key), bitString(sign('sha256', encode(content), key))));
}

/** Our own authority takes names from the token; another one may copy them from here. */
function altNames({ name, domain }: Subject): Der {
  const address = `${name}@${domain}`;
  const names = subjectAltName(xmppName(address), uriName(`xmpp:${address}`));
  return sequence(oid(EXTENSION.subjectAltName), octetString(names));
}

/** DER of the Name of a subject, lower-case hex. */
export function subjectOf(subject: Subject): string {
  return encode(subjectName(subject)).toString('hex');
}

function subjectName(subject: Subject): Der {
  const part = (type: string, value: string): Der => setOf(sequence(oid(type), utf8String(value)));
  return sequence(
    part(OID_ORGANIZATION, subject.domain),
    part(OID_ORGANIZATIONAL_UNIT, subject.role),
    part(OID_COMMON_NAME, subject.name),
  );
}

/** CN, OU and O, each at most once; other parts are not looked at, since nothing is copied from here. */
function readSubject(name: Der | undefined): RequestedSubject {
  const found = new Map<string, string>();
  for (const rdn of readSequence(name, 'subject')) {
    const [type, value] = readSequence(readSet(rdn, 'subject', 1)[0], 'subject', 2);
    const kind = readOid(type, 'subject');
    if (![OID_COMMON_NAME, OID_ORGANIZATION, OID_ORGANIZATIONAL_UNIT].includes(kind)) continue;
    if (found.has(kind)) throw malformed('subject names a part twice');
    found.set(kind, readText(value, 'subject'));
  }
  const commonName = found.get(OID_COMMON_NAME);
  if (commonName === undefined) throw malformed('subject without CN');
  return { name: commonName, role: found.get(OID_ORGANIZATIONAL_UNIT), domain: found.get(OID_ORGANIZATION) };
}

function readPublicKey(spki: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, type: 'spki', format: 'der' });
  } catch {
    throw malformed('public key');
  }
  if (!isAcceptableKey(key)) throw malformed('public key: RSA of 2048 to 4096 bits or P-256 expected');
  return key;
}

function readChallengePassword(attributes: readonly Der[]): string | undefined {
  if (attributes.length > MAX_ATTRIBUTES) throw malformed('too many request attributes');
  const passwords = attributes
    .map((item) => readSequence(item, 'request attribute', 2))
    .filter(([type]) => readOid(type, 'request attribute') === OID_CHALLENGE_PASSWORD)
    .map(([, values]) => readText(readSet(values, 'challengePassword', 1)[0], 'challengePassword'));
  if (passwords.length > 1) throw malformed('two challengePasswords');
  if ((passwords[0]?.length ?? 0) > MAX_PASSWORD) throw malformed('challengePassword');
  return passwords[0];
}
