/** RecipientInfos (RFC 5652 §6.2): one content key, wrapped for each who may open. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import type { Certificate, SessionKey } from '@mom4c/core';
import type { PairKey, ReceivingKeys, SendingKeys } from './pair-keys.ts';
import {
  algorithm,
  type IssuerAndSerial,
  isEc,
  issuerAndSerial,
  OID,
  readIssuerAndSerial,
  readPlainAlgorithm,
} from './cms-structure.ts';
import {
  bitString,
  type Der,
  encode,
  expectOid,
  isSequence,
  isTagged,
  malformed,
  nullValue,
  octetString,
  readBitString,
  readOctetString,
  readSequence,
  readSmallInteger,
  readTagged,
  sequence,
  smallInteger,
  tagged,
  written,
} from './der.ts';

/** What a RecipientInfo is for, and how to unwrap the content key. `unwrap` throws if what it is given does not fit. */
export type RecipientInfo =
  | {
      readonly kind: 'agreement';
      readonly recipient: IssuerAndSerial;
      unwrap(keys: Pick<ReceivingKeys, 'secretOf'>): KeyObject;
    }
  | { readonly kind: 'transport'; readonly recipient: IssuerAndSerial; unwrap(key: KeyObject): KeyObject }
  | { readonly kind: 'session'; readonly id: string; unwrap(key: KeyObject): KeyObject };

/** RFC 3394 §2.2.3.1. */
const WRAP_IV = Buffer.alloc(8, 0xa6);
const P256_POINT_OCTETS = 65;
const KEY_OCTETS = 32;
const VERSION_0 = smallInteger(0);
const VERSION_3 = smallInteger(3);
const VERSION_4 = smallInteger(4);
const AES_WRAP = written(algorithm(OID.aes256Wrap));

/** RFC 4055 §4.1: OAEP with SHA-256 throughout and no label. */
const OAEP = written(
  algorithm(
    OID.rsaesOaep,
    sequence(
      tagged(0, algorithm(OID.sha256, nullValue())),
      tagged(1, algorithm(OID.mgf1, algorithm(OID.sha256, nullValue()))),
    ),
  ),
);

/** Key agreement for P-256, key transport for RSA.
 *  @param contentKey 32 octets @param ukm random, used for this letter only */
export function wrapFor(
  recipient: Certificate,
  contentKey: Uint8Array,
  ukm: Uint8Array,
  keys: Pick<SendingKeys, 'take'>,
): Der {
  return isEc(recipient.publicKey)
    ? agree(recipient, contentKey, ukm, keys.take(recipient))
    : transport(recipient, contentKey);
}

/** KEKRecipientInfo (RFC 5652 §6.2.3). */
export function wrapUnder(key: SessionKey, contentKey: Uint8Array): Der {
  const id = sequence(octetString(Buffer.from(key.id, 'hex')));
  return tagged(2, VERSION_4, id, AES_WRAP, octetString(wrapKey(key.key, contentKey)));
}

/** One for each who may open by it. @throws Mom4cError M4C_MALFORMED, also if it is of a kind that we do not use */
export function readRecipientInfo(value: Der): RecipientInfo[] {
  if (isSequence(value)) return [readTransport(value)];
  if (isTagged(value, 1)) return readAgreement(value);
  if (isTagged(value, 2)) return [readSession(value)];
  throw malformed('RecipientInfo');
}

// --- KeyAgreeRecipientInfo: RFC 5753 §3.1.1 -----------------------------------------------------------------------

const EC_PUBLIC_KEY = written(algorithm(OID.ecPublicKey));
const KEY_AGREEMENT = written(algorithm(OID.stdDhSha256Kdf, AES_WRAP));

function agree(
  recipient: Certificate,
  contentKey: Uint8Array,
  ukm: Uint8Array,
  { point, secret }: PairKey,
): Der {
  const wrapped = wrapKey(deriveKek(secret, AES_WRAP, ukm), contentKey);
  return tagged(
    1,
    VERSION_3,
    tagged(0, tagged(1, EC_PUBLIC_KEY, bitString(point))),
    tagged(1, octetString(ukm)),
    KEY_AGREEMENT,
    sequence(sequence(issuerAndSerial(recipient), octetString(wrapped))),
  );
}

function readAgreement(value: Der): RecipientInfo[] {
  const items = readTagged(value, 1, 'KeyAgreeRecipientInfo');
  const [version, originator, ...rest] = items;
  if (readSmallInteger(version, 'version') !== 3) throw malformed('KeyAgreeRecipientInfo: version');
  const ukm = isTagged(rest[0], 1)
    ? readOctetString(readTagged(rest.shift(), 1, 'ukm', 1)[0], 'ukm')
    : undefined;
  if (rest.length !== 2) throw malformed('KeyAgreeRecipientInfo');
  const [scheme, wrap] = readSequence(rest[0], 'keyEncryptionAlgorithm', 2);
  expectOid(scheme, OID.stdDhSha256Kdf, 'keyEncryptionAlgorithm');
  expectWrap(wrap);
  const point = readOriginator(originator);
  return readSequence(rest[1], 'recipientEncryptedKeys').map((encryptedKey) => {
    const [rid, wrapped] = readSequence(encryptedKey, 'RecipientEncryptedKey', 2);
    const octets = readOctetString(wrapped, 'encryptedKey');
    return {
      kind: 'agreement',
      recipient: readIssuerAndSerial(rid),
      unwrap: (keys) => unwrapKey(deriveKek(keys.secretOf(point), wrap!, ukm), octets),
    };
  });
}

function readOriginator(value: Der | undefined): Buffer {
  const [key] = readTagged(value, 0, 'originator', 1);
  const [type, bits] = readTagged(key, 1, 'originatorKey', 2);
  // Its parameters may be absent, NULL or the curve; the curve is that of the recipient in any case.
  const [id] = readSequence(type, 'originatorKey');
  expectOid(id, OID.ecPublicKey, 'originatorKey');
  const point = readBitString(bits, 'originatorKey');
  if (point.length !== P256_POINT_OCTETS || point[0] !== 4)
    throw malformed('originatorKey: point of P-256 expected');
  return point;
}

const COUNTER = Buffer.from([0, 0, 0, 1]);
const KEY_BITS = written(tagged(2, octetString(Buffer.from([0, 0, 1, 0]))));

/** X9.63 KDF with SHA-256 (RFC 5753 §7.2): one block is the whole key. */
function deriveKek(shared: Uint8Array, wrap: Der, ukm: Uint8Array | undefined): KeyObject {
  const info = sequence(wrap, ...(ukm ? [tagged(0, octetString(ukm))] : []), KEY_BITS);
  return createSecretKey(hash('sha256', Buffer.concat([shared, COUNTER, encode(info)]), 'buffer'));
}

// --- KeyTransRecipientInfo: RFC 5652 §6.2.1, RFC 3560 ----------------------------------------------------------------

function transport(recipient: Certificate, contentKey: Uint8Array): Der {
  const key = { key: recipient.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const wrapped = octetString(publicEncrypt(key, contentKey));
  return sequence(VERSION_0, issuerAndSerial(recipient), OAEP, wrapped);
}

function readTransport(value: Der): RecipientInfo {
  const [version, rid, scheme, wrapped] = readSequence(value, 'KeyTransRecipientInfo', 4);
  if (readSmallInteger(version, 'version') !== 0) throw malformed('KeyTransRecipientInfo: version');
  const [id, parameters] = readSequence(scheme, 'keyEncryptionAlgorithm', 2);
  expectOid(id, OID.rsaesOaep, 'keyEncryptionAlgorithm');
  expectOaepParameters(parameters);
  const octets = readOctetString(wrapped, 'encryptedKey');
  return {
    kind: 'transport',
    recipient: readIssuerAndSerial(rid),
    unwrap: (key) =>
      contentKeyOf(
        privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, octets),
      ),
  };
}

function expectOaepParameters(value: Der | undefined): void {
  const [hash, mask] = readSequence(value, 'RSAES-OAEP', 2);
  const [maskId, maskHash] = readSequence(readTagged(mask, 1, 'RSAES-OAEP', 1)[0], 'RSAES-OAEP', 2);
  expectOid(maskId, OID.mgf1, 'RSAES-OAEP');
  for (const algorithmId of [readTagged(hash, 0, 'RSAES-OAEP', 1)[0], maskHash])
    if (readPlainAlgorithm(algorithmId, 'RSAES-OAEP') !== OID.sha256)
      throw malformed('RSAES-OAEP: SHA-256 expected');
}

// --- KEKRecipientInfo -----------------------------------------------------------------------------------------------

function readSession(value: Der): RecipientInfo {
  const [version, identifier, wrap, wrapped] = readTagged(value, 2, 'KEKRecipientInfo', 4);
  if (readSmallInteger(version, 'version') !== 4) throw malformed('KEKRecipientInfo: version');
  const [id] = readSequence(identifier, 'kekid', 1);
  expectWrap(wrap);
  const octets = readOctetString(wrapped, 'encryptedKey');
  return {
    kind: 'session',
    id: readOctetString(id, 'kekid').toString('hex'),
    unwrap: (key) => unwrapKey(key, octets),
  };
}

// --- AES key wrap: RFC 3394 -----------------------------------------------------------------------------------------

/** All of it comes out at once. Keys as KeyObjects: handed over as octets they cost more than the cipher. */
function wrapKey(kek: KeyObject, contentKey: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', kek, WRAP_IV);
  const wrapped = cipher.update(contentKey);
  cipher.final();
  return wrapped;
}

/** @throws Error if it was not wrapped under this key, or is no key of 32 octets */
function unwrapKey(kek: KeyObject, wrapped: Uint8Array): KeyObject {
  const decipher = createDecipheriv('id-aes256-wrap', kek, WRAP_IV);
  const contentKey = decipher.update(wrapped);
  decipher.final();
  return contentKeyOf(contentKey);
}

function contentKeyOf(octets: Uint8Array): KeyObject {
  if (octets.length !== KEY_OCTETS) throw new RangeError('a content key has 32 octets');
  return createSecretKey(octets);
}

function expectWrap(value: Der | undefined): void {
  if (readPlainAlgorithm(value, 'key wrap') !== OID.aes256Wrap) throw malformed('key wrap: AES-256 expected');
}
