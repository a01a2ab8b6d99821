/**
 * The pkiMessage of SCEP (RFC 8894 §3): CMS SignedData (RFC 5652 §5) around an optional envelope. Reading goes in
 * two steps, since a message whose signature is bad is still answered under its own transaction id.
 */
import { createHash, sign, verify, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  decode,
  encode,
  isTagged,
  malformed,
  nullValue,
  octetString,
  oid,
  readInteger,
  readOctetString,
  readOid,
  readSequence,
  readSet,
  readSmallInteger,
  readTagged,
  sequence,
  setOf,
  smallInteger,
  tagged,
} from './der.ts';
import type { Der } from './der.ts';
import {
  digestOf,
  OID_ECDSA_SHA256,
  OID_RSA,
  OID_SHA256,
  readAlgorithm,
  signatureOf,
} from './scep-algorithms.ts';
import type { Digest } from './scep-algorithms.ts';
import { attribute, readScepAttributes, writeScepAttributes } from './scep-attributes.ts';
import type { Attributes, ScepAttributes, ScepFailInfo } from './scep-attributes.ts';

/** A request that is refused, with what its sender is told. `text` goes over the wire, the message into the log only. */
export class ScepFault extends Error {
  override readonly name = 'ScepFault';
  readonly failInfo: ScepFailInfo;
  readonly text: string | undefined;

  constructor(failInfo: ScepFailInfo, message: string, text?: string) {
    super(message);
    this.failInfo = failInfo;
    this.text = text;
  }
}

/** As parsed. Nothing in it is to be believed before `checkScepSignature` has returned. */
export type ScepMessage = {
  readonly attributes: ScepAttributes;
  /** DER of the envelope; `undefined` in a failure. */
  readonly envelope: Buffer | undefined;
  /** The certificate among those in the message that the signer information names; anybody can have made it. */
  readonly signer: X509Certificate | undefined;
  readonly signature: {
    /** DER of issuer and serial number of the signer's certificate. */
    readonly signerId: Buffer;
    /** `undefined`: not one that is read. */
    readonly digest: Digest | undefined;
    readonly algorithm: string;
    readonly messageDigest: Buffer;
    /** What is signed: the attributes as SET OF. */
    readonly signed: Buffer;
    readonly value: Buffer;
  };
};

/** A certificate and its key, as far as this protocol needs them: a stranger's self-signed one is no `Identity`. */
export type ScepSigner = { readonly key: KeyObject; readonly certificate: Uint8Array };

export const OID_DATA = '1.2.840.113549.1.7.1';
const OID_SIGNED_DATA = '1.2.840.113549.1.7.2';
const OID_CONTENT_TYPE = '1.2.840.113549.1.9.3';
const OID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
/** Certificates in one message: more than the signer and its issuer are of no use to anybody. */
const MAX_CERTIFICATES = 4;
/** Octets of a pkiMessage or of what is inside of it. A renewal under RSA-4096 has less than 8 kB. */
export const MAX_SCEP_OCTETS = 65_536;
/** Octets of an answer with a revocation list: one of 20,000 certificates has 0.8 MB. */
export const MAX_CRL_OCTETS = 1 << 20;

/** DER of a signed pkiMessage; SHA-256, under an RSA or P-256 key. */
export function writeScepMessage(
  attributes: ScepAttributes,
  envelope: Uint8Array | undefined,
  signer: ScepSigner,
): Buffer {
  const signed = setOf(
    attribute(OID_CONTENT_TYPE, oid(OID_DATA)),
    attribute(
      OID_MESSAGE_DIGEST,
      octetString(
        createHash('sha256')
          .update(envelope ?? '')
          .digest(),
      ),
    ),
    ...writeScepAttributes(attributes),
  );
  const sha256 = sequence(oid(OID_SHA256), nullValue());
  const isRsa = signer.key.asymmetricKeyType === 'rsa';
  const signerInfo = sequence(
    smallInteger(1),
    issuerAndSerial(signer.certificate),
    sha256,
    tagged(0, ...readSet(signed, 'attributes')),
    isRsa ? sequence(oid(OID_RSA), nullValue()) : sequence(oid(OID_ECDSA_SHA256)),
    octetString(sign('sha256', encode(signed), signer.key)),
  );
  // An empty content where there is none: OpenSSL, so certmonger, verifies nothing that has no content.
  const content = tagged(0, octetString(envelope ?? Buffer.alloc(0)));
  const signedData = sequence(
    smallInteger(1),
    setOf(sha256),
    sequence(oid(OID_DATA), content),
    tagged(0, decode(signer.certificate, MAX_SCEP_OCTETS)),
    setOf(signerInfo),
  );
  return encode(sequence(oid(OID_SIGNED_DATA), tagged(0, signedData)));
}

/** @throws Mom4cError M4C_MALFORMED if it is no pkiMessage. Checks no signature. */
export function parseScepMessage(octets: Uint8Array, maxOctets = MAX_SCEP_OCTETS): ScepMessage {
  const { content, certificates, signerInfos } = parseSignedData(octets, maxOctets);
  if (signerInfos.length !== 1) throw malformed('exactly one signer expected');
  const [version, signerId, digestAlgorithm, signedAttributes, signatureAlgorithm, value] = readSequence(
    signerInfos[0],
    'SignerInfo',
    6,
  );
  if (readSmallInteger(version, 'SignerInfo version') !== 1) throw malformed('SignerInfo version');
  const id = encode(sequence(...readSequence(signerId, 'issuer and serial number', 2)));
  const attributes = readTagged(signedAttributes, 0, 'signed attributes');
  const found = readAttributes(attributes);
  if (readOid(found(OID_CONTENT_TYPE), 'contentType') !== OID_DATA) throw malformed('contentType');
  return {
    attributes: readScepAttributes(found),
    envelope: content?.length === 0 ? undefined : content,
    signer: certificates.find(({ der }) => encode(issuerAndSerial(der)).equals(id))?.certificate,
    signature: {
      signerId: id,
      digest: digestOf(readAlgorithm(digestAlgorithm, 'digest algorithm')),
      algorithm: readAlgorithm(signatureAlgorithm, 'signature algorithm'),
      messageDigest: readOctetString(found(OID_MESSAGE_DIGEST), 'messageDigest'),
      // RFC 5652 §5.4: signed as SET OF, not as [0].
      signed: encode(setOf(...attributes)),
      value: readOctetString(value, 'signature'),
    },
  };
}

/**
 * Was this message signed with the key of that certificate? Says nothing of whose certificate it is, nor whether the
 * digest is one that should be believed: see `Digest.weak`.
 * @throws ScepFault badAlg, badMessageCheck
 */
export function checkScepSignature(message: ScepMessage, signer: X509Certificate): void {
  const { digest, algorithm, messageDigest, signed, value, signerId } = message.signature;
  const scheme = signatureOf(algorithm);
  if (!digest || !scheme || (scheme.digest ?? digest) !== digest)
    throw new ScepFault('badAlg', 'signature algorithm');
  if (!encode(issuerAndSerial(signer.raw)).equals(signerId))
    throw new ScepFault('badMessageCheck', 'signed by another certificate');
  if (!isAcceptableKey(signer.publicKey)) throw new ScepFault('badAlg', 'public key of the signer');
  if (signer.publicKey.asymmetricKeyType !== scheme.key) throw new ScepFault('badAlg', 'signature algorithm');
  const actual = createHash(digest.name)
    .update(message.envelope ?? '')
    .digest();
  if (!actual.equals(messageDigest)) throw new ScepFault('badMessageCheck', 'message digest');
  if (!verify(digest.name, signed, signer.publicKey, value))
    throw new ScepFault('badMessageCheck', 'signature');
}

/** RSA of 2048 to 4096 bits with a usual exponent (a huge one makes verification slow), or P-256. */
export function isAcceptableKey(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') return namedCurve === 'prime256v1';
  return (
    key.asymmetricKeyType === 'rsa' &&
    modulusLength >= 2048 &&
    modulusLength <= 4096 &&
    publicExponent >= 65_537n &&
    publicExponent < 1n << 33n
  );
}

/** RFC 8894 §3.4: a degenerate SignedData, which carries certificates and signs nothing. */
export function writeCertificates(certificates: readonly Uint8Array[]): Buffer {
  return writeDegenerate(0, certificates);
}

/** The same with certificate revocation lists. */
export function writeCrls(crls: readonly Uint8Array[]): Buffer {
  return writeDegenerate(1, crls);
}

/** @param field 0 for certificates, 1 for lists (RFC 5652 §5.1) */
function writeDegenerate(field: 0 | 1, items: readonly Uint8Array[]): Buffer {
  const carried = tagged(field, ...items.map((der) => decode(der, MAX_CRL_OCTETS)));
  const signedData = sequence(smallInteger(1), setOf(), sequence(oid(OID_DATA)), carried, setOf());
  return encode(sequence(oid(OID_SIGNED_DATA), tagged(0, signedData)));
}

/** @throws Mom4cError M4C_MALFORMED */
export function readCertificates(octets: Uint8Array): Buffer[] {
  const { certificates, signerInfos } = parseSignedData(octets, MAX_SCEP_OCTETS);
  if (signerInfos.length > 0) throw malformed('certificates only expected');
  return certificates.map(({ der }) => der);
}

/** @throws Mom4cError M4C_MALFORMED */
export function readCrls(octets: Uint8Array): Buffer[] {
  const { crls, signerInfos } = parseSignedData(octets, MAX_CRL_OCTETS);
  if (signerInfos.length > 0) throw malformed('lists only expected');
  return crls;
}

/** The IssuerAndSerialNumber (RFC 5652 §10.2.4) that names a certificate. */
export function issuerAndSerial(certificate: Uint8Array): Der {
  const tbs = readSequence(
    readSequence(decode(certificate, MAX_SCEP_OCTETS), 'certificate')[0],
    'certificate',
  );
  // certmonger signs its first request under a certificate of X.509 v1, which has no version field.
  const [serial, , issuer] = isTagged(tbs[0], 0) ? tbs.slice(1) : tbs;
  readInteger(serial, 'serial number');
  readSequence(issuer, 'issuer');
  return sequence(issuer!, serial!);
}

// --- inside ---------------------------------------------------------------------------------------------------

type Carried = { readonly der: Buffer; readonly certificate: X509Certificate };
function parseSignedData(
  octets: Uint8Array,
  maxOctets: number,
): { content: Buffer | undefined; certificates: Carried[]; crls: Buffer[]; signerInfos: readonly Der[] } {
  const [type, wrapped] = readSequence(decode(octets, maxOctets), 'ContentInfo', 2);
  if (readOid(type, 'content type') !== OID_SIGNED_DATA) throw malformed('SignedData expected');
  const fields = [...readSequence(readTagged(wrapped, 0, 'content', 1)[0], 'SignedData')];
  readSmallInteger(fields.shift(), 'SignedData version');
  readSet(fields.shift(), 'digest algorithms');
  const [contentType, content, ...more] = readSequence(fields.shift(), 'encapsulated content');
  if (readOid(contentType, 'content type') !== OID_DATA || more.length > 0) throw malformed('data expected');
  const carried = isTagged(fields[0], 0) ? readTagged(fields.shift(), 0, 'certificates') : [];
  if (carried.length > MAX_CERTIFICATES) throw malformed('too many certificates');
  const crls = isTagged(fields[0], 1) ? readTagged(fields.shift(), 1, 'lists') : [];
  const signerInfos = readSet(fields.shift(), 'signer infos');
  if (fields.length > 0) throw malformed('SignedData has other fields');
  return {
    content: content && readOctetString(readTagged(content, 0, 'content', 1)[0], 'content'),
    certificates: carried.map((item) => readCarried(encode(item))),
    crls: crls.map((item) => encode(item)),
    signerInfos,
  };
}

function readCarried(der: Buffer): Carried {
  try {
    const certificate = new X509Certificate(der);
    // X509Certificate takes PEM text as well, and decodes the public key on first use only.
    if (!certificate.raw.equals(der) || !certificate.publicKey.asymmetricKeyType)
      throw malformed('certificate');
    return { der, certificate };
  } catch {
    throw malformed('a certificate in the message cannot be read');
  }
}

/** RFC 5652 §5.3: an attribute occurs once; those that we use have one value. */
function readAttributes(list: readonly Der[]): Attributes {
  const values = new Map<string, Der>();
  for (const item of list) {
    const [type, set] = readSequence(item, 'attribute', 2);
    const name = readOid(type, 'attribute');
    if (values.has(name)) throw malformed('an attribute occurs twice');
    values.set(name, readSet(set, 'attribute', 1)[0]!);
  }
  return (type) => values.get(type);
}
