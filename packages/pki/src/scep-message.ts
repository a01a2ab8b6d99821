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
    readonly digest: string | undefined;
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
const OID_SHA256 = '2.16.840.1.101.3.4.2.1';
/** SHA-1 is missing on purpose: who sends it is told `badAlg`. */
const DIGESTS: Record<string, string> = {
  [OID_SHA256]: 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const OID_RSA = '1.2.840.113549.1.1.1';
const OID_ECDSA_SHA256 = '1.2.840.10045.4.3.2';
/** Signature algorithm → kind of key, and the digest where the algorithm fixes it. */
const SIGNATURES: Record<string, { key: 'rsa' | 'ec'; digest?: string }> = {
  [OID_RSA]: { key: 'rsa' },
  '1.2.840.113549.1.1.11': { key: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', digest: 'sha512' },
  [OID_ECDSA_SHA256]: { key: 'ec', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ec', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ec', digest: 'sha512' },
};

/** Certificates in one message: more than the signer and its issuer are of no use to anybody. */
const MAX_CERTIFICATES = 4;
/** Octets of a pkiMessage or of what is inside of it. A renewal under RSA-4096 has less than 8 kB. */
export const MAX_SCEP_OCTETS = 65_536;

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
  const content = envelope ? [tagged(0, octetString(envelope))] : [];
  const signedData = sequence(
    smallInteger(1),
    setOf(sha256),
    sequence(oid(OID_DATA), ...content),
    tagged(0, decode(signer.certificate, MAX_SCEP_OCTETS)),
    setOf(signerInfo),
  );
  return encode(sequence(oid(OID_SIGNED_DATA), tagged(0, signedData)));
}

/** @throws Mom4cError M4C_MALFORMED if it is no pkiMessage. Checks no signature. */
export function parseScepMessage(octets: Uint8Array): ScepMessage {
  const { content, certificates, signerInfos } = parseSignedData(octets);
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
    envelope: content,
    signer: certificates.find(({ der }) => encode(issuerAndSerial(der)).equals(id))?.certificate,
    signature: {
      signerId: id,
      digest: DIGESTS[readAlgorithm(digestAlgorithm, 'digest algorithm')],
      algorithm: readAlgorithm(signatureAlgorithm, 'signature algorithm'),
      messageDigest: readOctetString(found(OID_MESSAGE_DIGEST), 'messageDigest'),
      // RFC 5652 §5.4: signed as SET OF, not as [0].
      signed: encode(setOf(...attributes)),
      value: readOctetString(value, 'signature'),
    },
  };
}

/**
 * Was this message signed with the key of that certificate? Says nothing of whose certificate it is.
 * @throws ScepFault badAlg, badMessageCheck
 */
export function checkScepSignature(message: ScepMessage, signer: X509Certificate): void {
  const { digest, algorithm, messageDigest, signed, value, signerId } = message.signature;
  const scheme = SIGNATURES[algorithm];
  if (!digest || !scheme || (scheme.digest ?? digest) !== digest)
    throw new ScepFault('badAlg', 'signature algorithm');
  if (!encode(issuerAndSerial(signer.raw)).equals(signerId))
    throw new ScepFault('badMessageCheck', 'signed by another certificate');
  if (!isAcceptableKey(signer.publicKey)) throw new ScepFault('badAlg', 'public key of the signer');
  if (signer.publicKey.asymmetricKeyType !== scheme.key) throw new ScepFault('badAlg', 'signature algorithm');
  const actual = createHash(digest)
    .update(message.envelope ?? '')
    .digest();
  if (!actual.equals(messageDigest)) throw new ScepFault('badMessageCheck', 'message digest');
  if (!verify(digest, signed, signer.publicKey, value)) throw new ScepFault('badMessageCheck', 'signature');
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
  const carried = tagged(0, ...certificates.map((der) => decode(der, MAX_SCEP_OCTETS)));
  const signedData = sequence(smallInteger(1), setOf(), sequence(oid(OID_DATA)), carried, setOf());
  return encode(sequence(oid(OID_SIGNED_DATA), tagged(0, signedData)));
}

/** @throws Mom4cError M4C_MALFORMED */
export function readCertificates(octets: Uint8Array): Buffer[] {
  const { certificates, signerInfos } = parseSignedData(octets);
  if (signerInfos.length > 0) throw malformed('certificates only expected');
  return certificates.map(({ der }) => der);
}

/** The IssuerAndSerialNumber (RFC 5652 §10.2.4) that names a certificate. */
export function issuerAndSerial(certificate: Uint8Array): Der {
  const tbs = readSequence(
    readSequence(decode(certificate, MAX_SCEP_OCTETS), 'certificate')[0],
    'certificate',
  );
  // X.509 v1, which has no version field, is not taken.
  readTagged(tbs[0], 0, 'certificate version');
  readInteger(tbs[1], 'serial number');
  readSequence(tbs[3], 'issuer');
  return sequence(tbs[3]!, tbs[1]!);
}

export function readAlgorithm(value: Der | undefined, what: string): string {
  return readOid(readSequence(value, what)[0], what);
}

// --- inside ---------------------------------------------------------------------------------------------------

type Carried = { readonly der: Buffer; readonly certificate: X509Certificate };
function parseSignedData(octets: Uint8Array): {
  content: Buffer | undefined;
  certificates: Carried[];
  signerInfos: readonly Der[];
} {
  const [type, wrapped] = readSequence(decode(octets, MAX_SCEP_OCTETS), 'ContentInfo', 2);
  if (readOid(type, 'content type') !== OID_SIGNED_DATA) throw malformed('SignedData expected');
  const fields = [...readSequence(readTagged(wrapped, 0, 'content', 1)[0], 'SignedData')];
  readSmallInteger(fields.shift(), 'SignedData version');
  readSet(fields.shift(), 'digest algorithms');
  const [contentType, content, ...more] = readSequence(fields.shift(), 'encapsulated content');
  if (readOid(contentType, 'content type') !== OID_DATA || more.length > 0) throw malformed('data expected');
  const carried = isTagged(fields[0], 0) ? readTagged(fields.shift(), 0, 'certificates') : [];
  if (carried.length > MAX_CERTIFICATES) throw malformed('too many certificates');
  if (isTagged(fields[0], 1)) fields.shift(); // CRLs: not looked at.
  const signerInfos = readSet(fields.shift(), 'signer infos');
  if (fields.length > 0) throw malformed('SignedData has other fields');
  return {
    content: content && readOctetString(readTagged(content, 0, 'content', 1)[0], 'content'),
    certificates: carried.map((item) => readCarried(encode(item))),
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
