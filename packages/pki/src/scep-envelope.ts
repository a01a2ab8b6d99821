/**
 * The pkcsPKIEnvelope of SCEP (RFC 8894 §3.2.2): CMS EnvelopedData (RFC 5652 §6) for one recipient, written in AES-CBC. To
 * an RSA key by key transport (PKCS#1 v1.5, as SCEP wants it); to a P-256 key by key agreement (RFC 5753), which is a
 * profile of our own. CBC has no integrity: the signature of the pkiMessage around it has.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Random } from '@mom4c/core';
import {
  bitString,
  decode,
  encode,
  isTagged,
  malformed,
  nullValue,
  octetString,
  oid,
  readBitString,
  readOctetString,
  readOid,
  readSequence,
  readSet,
  readSmallInteger,
  readTagged,
  readTaggedOctets,
  sequence,
  setOf,
  smallInteger,
  tagged,
  taggedOctets,
} from './der.ts';
import type { Der } from './der.ts';
import { cipherOf, OID_AES128_CBC, OID_AES256_CBC, OID_RSA, readAlgorithm } from './scep-algorithms.ts';
import type { Cipher } from './scep-algorithms.ts';
import { issuerAndSerial, MAX_CRL_OCTETS, OID_DATA, ScepFault } from './scep-message.ts';
import type { ScepSigner } from './scep-message.ts';

const OID_ENVELOPED_DATA = '1.2.840.113549.1.7.3';
const OID_EC_PUBLIC_KEY = '1.2.840.10045.2.1';
/** dhSinglePass-stdDH-sha256kdf-scheme, RFC 5753 §7.1.4. */
const OID_ECDH_SHA256 = '1.3.132.1.11.1';
const OID_AES256_WRAP = '2.16.840.1.101.3.4.1.45';
/** RFC 3394 §2.2.3.1. */
const WRAP_IV = Buffer.alloc(8, 0xa6);
/** SubjectPublicKeyInfo of a P-256 key up to its point. */
const P256_SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
const P256_POINT_LENGTH = 65;

/** Encrypts for the key of a certificate. @returns DER of the ContentInfo. */
export function sealScepEnvelope(content: Uint8Array, recipient: X509Certificate, random: Random): Buffer {
  const isRsa = recipient.publicKey.asymmetricKeyType === 'rsa';
  // AES-128 to RSA: every SCEP client reads it.
  const cipherOid = isRsa ? OID_AES128_CBC : OID_AES256_CBC;
  const cipher = cipherOf(cipherOid)!;
  const key = random.bytes(cipher.keyLength);
  const iv = random.bytes(cipher.ivLength);
  const encrypted = cipher.encrypt(key, iv, content);
  const envelopedData = sequence(
    smallInteger(isRsa ? 0 : 2),
    setOf(isRsa ? transportKey(key, recipient) : agreeOnKey(key, recipient)),
    sequence(oid(OID_DATA), sequence(oid(cipherOid), octetString(iv)), taggedOctets(0, encrypted)),
  );
  return encode(sequence(oid(OID_ENVELOPED_DATA), tagged(0, envelopedData)));
}

export type OpenedEnvelope = { readonly content: Buffer; readonly cipher: Cipher };

/**
 * Decrypts with the own key. Whatever fails behind the point where the key was used gives the same fault with the
 * same text, so that nobody can use us as an oracle for PKCS#1 v1.5 (Bleichenbacher) or CBC padding.
 * @param admits is asked before the key is used; who refuses a cipher throws
 * @throws ScepFault badAlg, badMessageCheck
 */
export function openScepEnvelope(
  envelope: Uint8Array,
  own: ScepSigner,
  random: Random,
  admits: (cipher: Cipher) => void,
): OpenedEnvelope {
  const parsed = parseEnvelope(envelope, own);
  const cipher = cipherOf(parsed.cipher);
  if (!cipher) throw new ScepFault('badAlg', 'content encryption algorithm');
  admits(cipher);
  const unwrapped = parsed.unwrap();
  // A key of the wrong length goes the same way as a wrong key.
  const key = unwrapped?.length === cipher.keyLength ? unwrapped : random.bytes(cipher.keyLength);
  try {
    return { content: cipher.decrypt(key, parsed.iv, parsed.encrypted), cipher };
  } catch {
    throw undecipherable();
  }
}

/** What an envelope is encrypted with, found out without opening it. `undefined`: nothing that is read. */
export function cipherIn(envelope: Uint8Array | undefined): Cipher | undefined {
  try {
    const [, algorithm] = readContent(envelope ?? Buffer.alloc(0)).content;
    return cipherOf(readAlgorithm(algorithm, 'content encryption'));
  } catch {
    return undefined;
  }
}

/** The one fault for everything that a wrong key or a changed envelope may lead to. */
export function undecipherable(): ScepFault {
  return new ScepFault('badMessageCheck', 'the envelope cannot be read');
}

// --- key transport, RFC 5652 §6.2.1 ---------------------------------------------------------------------------

function transportKey(key: Uint8Array, recipient: X509Certificate): Der {
  const encrypted = publicEncrypt({ key: recipient.publicKey, padding: constants.RSA_PKCS1_PADDING }, key);
  const algorithm = sequence(oid(OID_RSA), nullValue());
  return sequence(smallInteger(0), issuerAndSerial(recipient.raw), algorithm, octetString(encrypted));
}

/** Node 24 answers bad padding with random octets instead of an error (implicit rejection), which the caller counts on. */
function decryptKey(encrypted: Uint8Array, key: KeyObject): Buffer | undefined {
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encrypted);
  } catch {
    return undefined;
  }
}

// --- key agreement, RFC 5753 §3.1 -----------------------------------------------------------------------------

function agreeOnKey(key: Uint8Array, recipient: X509Certificate): Der {
  const ephemeral = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = ephemeral.publicKey.export({ type: 'spki', format: 'der' }).subarray(P256_SPKI_PREFIX.length);
  const wrapping = deriveWrappingKey(ephemeral.privateKey, recipient.publicKey, undefined);
  const wrapper = createCipheriv('id-aes256-wrap', wrapping, WRAP_IV);
  const encrypted = Buffer.concat([wrapper.update(key), wrapper.final()]);
  return tagged(
    1,
    smallInteger(3),
    tagged(0, tagged(1, sequence(oid(OID_EC_PUBLIC_KEY)), bitString(point))),
    sequence(oid(OID_ECDH_SHA256), sequence(oid(OID_AES256_WRAP))),
    sequence(sequence(issuerAndSerial(recipient.raw), octetString(encrypted))),
  );
}

function agreedKey(
  encrypted: Uint8Array,
  point: Buffer,
  ukm: Buffer | undefined,
  key: KeyObject,
): Buffer | undefined {
  try {
    const sender = createPublicKey({
      key: Buffer.concat([P256_SPKI_PREFIX, point]),
      type: 'spki',
      format: 'der',
    });
    const unwrapper = createDecipheriv('id-aes256-wrap', deriveWrappingKey(key, sender, ukm), WRAP_IV);
    return Buffer.concat([unwrapper.update(encrypted), unwrapper.final()]);
  } catch {
    return undefined;
  }
}

/** ANSI X9.63 KDF with SHA-256 over ECC-CMS-SharedInfo (RFC 5753 §7.2): 256 bits need one round. */
function deriveWrappingKey(privateKey: KeyObject, publicKey: KeyObject, ukm: Buffer | undefined): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  const bits = Buffer.from([0, 0, 1, 0]);
  const info = sequence(
    sequence(oid(OID_AES256_WRAP)),
    ...(ukm ? [tagged(0, octetString(ukm))] : []),
    tagged(2, octetString(bits)),
  );
  return createHash('sha256')
    .update(secret)
    .update(Buffer.from([0, 0, 0, 1]))
    .update(encode(info))
    .digest();
}

// --- reading --------------------------------------------------------------------------------------------------

type Envelope = { cipher: string; iv: Buffer; encrypted: Buffer; unwrap: () => Buffer | undefined };

function parseEnvelope(envelope: Uint8Array, own: ScepSigner): Envelope {
  try {
    const { recipient, content } = readContent(envelope);
    const [contentType, algorithm, encrypted] = content;
    if (readOid(contentType, 'content type') !== OID_DATA) throw malformed('data expected');
    return {
      cipher: readAlgorithm(algorithm, 'content encryption'),
      iv: readOctetString(readSequence(algorithm, 'content encryption')[1], 'initialisation vector'),
      encrypted: readEncrypted(encrypted),
      unwrap: isTagged(recipient, 1) ? parseAgreement(recipient, own) : parseTransport(recipient, own),
    };
  } catch (fault) {
    if (fault instanceof ScepFault) throw fault;
    throw undecipherable();
  }
}

function readContent(envelope: Uint8Array): { recipient: Der; content: readonly Der[] } {
  const [type, wrapped] = readSequence(decode(envelope, MAX_CRL_OCTETS), 'ContentInfo', 2);
  if (readOid(type, 'content type') !== OID_ENVELOPED_DATA) throw malformed('EnvelopedData expected');
  const enveloped = readTagged(wrapped, 0, 'content', 1)[0];
  const [version, recipients, content] = readSequence(enveloped, 'EnvelopedData', 3);
  readSmallInteger(version, 'version');
  return {
    recipient: readSet(recipients, 'recipients', 1)[0]!,
    content: readSequence(content, 'encrypted content', 3),
  };
}

/**
 * `[0] IMPLICIT OCTET STRING`. Go's pkcs7, so micromdm, writes the constructed form of BER: the string in one piece
 * inside of the tag.
 */
function readEncrypted(value: Der | undefined): Buffer {
  const what = 'encrypted content';
  return isTagged(value, 0) && value.items
    ? readOctetString(readTagged(value, 0, what, 1)[0], what)
    : readTaggedOctets(value, 0, what);
}

function parseTransport(recipient: Der, own: ScepSigner): () => Buffer | undefined {
  const [, id, algorithm, encrypted] = readSequence(recipient, 'recipient', 4);
  if (readAlgorithm(algorithm, 'key encryption') !== OID_RSA || own.key.asymmetricKeyType !== 'rsa')
    throw new ScepFault('badAlg', 'key encryption algorithm');
  checkRecipient(id, own);
  const value = readOctetString(encrypted, 'encrypted key');
  return () => decryptKey(value, own.key);
}

function parseAgreement(recipient: Der, own: ScepSigner): () => Buffer | undefined {
  const fields = [...readTagged(recipient, 1, 'recipient')];
  readSmallInteger(fields.shift(), 'version');
  const originator = readTagged(readTagged(fields.shift(), 0, 'originator', 1)[0], 1, 'originator key', 2);
  const ukm = isTagged(fields[0], 1)
    ? readOctetString(readTagged(fields.shift(), 1, 'ukm', 1)[0], 'ukm')
    : undefined;
  const [scheme, wrap] = readSequence(fields.shift(), 'key encryption', 2);
  const [id, encrypted] = readSequence(
    readSequence(fields.shift(), 'encrypted keys', 1)[0],
    'encrypted key',
    2,
  );
  if (
    readOid(scheme, 'key agreement') !== OID_ECDH_SHA256 ||
    readAlgorithm(wrap, 'key wrap') !== OID_AES256_WRAP ||
    own.key.asymmetricKeyDetails?.namedCurve !== 'prime256v1'
  )
    throw new ScepFault('badAlg', 'key agreement algorithm');
  checkRecipient(id, own);
  const point = readBitString(originator[1], 'originator key');
  if (point.length !== P256_POINT_LENGTH) throw malformed('originator key');
  const value = readOctetString(encrypted, 'encrypted key');
  return () => agreedKey(value, point, ukm, own.key);
}

function checkRecipient(id: Der | undefined, own: ScepSigner): void {
  const sent = encode(sequence(...readSequence(id, 'recipient', 2)));
  if (!sent.equals(encode(issuerAndSerial(own.certificate)))) throw undecipherable();
}
