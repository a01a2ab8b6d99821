/**
 * Checking CMS SignedData (RFC 5652 §5) against the certificate of its signer, which it names but does not carry.
 *
 * INVARIANTS:
 * - What is under the signature is exactly the attributes that were read: DER has one encoding, `decode` demands it.
 * - The signature names its certificate by hash (RFC 5035), so no other certificate with the same name and key fits.
 * - Nothing that the directory says is believed before the authority's signature on it was checked.
 */
import { hash, verify } from 'node:crypto';
import {
  type Certificate,
  type CertificateDirectory,
  type Clock,
  Mom4cError,
  type Verified,
  type Verifier,
} from '@mom4c/core';
import { type Authority, verifyIssued } from './certificates.ts';
import {
  checkSize,
  decodeContentInfo,
  type IssuerAndSerial,
  isEc,
  OID,
  readIssuerAndSerial,
  readPlainAlgorithm,
} from './cms-structure.ts';
import {
  asSetOf,
  type Der,
  encode,
  expectOid,
  isSorted,
  malformed,
  readInteger,
  readOctetString,
  readOid,
  readSequence,
  readSet,
  readSmallInteger,
  readTagged,
} from './der.ts';

export type SignedData = {
  readonly content: Uint8Array;
  readonly signer: IssuerAndSerial;
  /** DER of the SET of attributes: what was signed. */
  readonly attributes: Uint8Array;
  readonly messageDigest: Uint8Array;
  readonly certificateHash: Buffer;
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
};

export type VerifierOptions = {
  readonly directory: Pick<CertificateDirectory, 'byIssuerAndSerial'>;
  readonly authority: Authority;
  readonly clock: Pick<Clock, 'now'>;
};

/** Tag of GeneralName (RFC 5280 §4.2.1.6). */
const DIRECTORY_NAME = 4;

/** Ours has three; others may add a signing time and the like, which mean nothing here. */
const MAX_ATTRIBUTES = 16;

export function createVerifier({ directory, authority, clock }: VerifierOptions): Verifier {
  return {
    async verify(signedData: Uint8Array, detached?: Uint8Array, sender?: string): Promise<Verified> {
      // Its digest as well, before the directory is asked: garbage shall cost no look-up.
      const parsed = readSignedData(signedData, detached, OID.data);
      const { issuer, serial } = parsed.signer;
      const signer = await directory.byIssuerAndSerial(issuer, serial, sender);
      if (!signer) throw new Mom4cError('M4C_CERTIFICATE_UNKNOWN', `serial number ${parsed.signer.serial}`);
      if (signer.issuer !== parsed.signer.issuer || signer.serial !== parsed.signer.serial)
        throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'the directory answered with another one');
      verifyIssued(signer, authority, clock.now());
      if (signer.role === 'server')
        throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'a server does not sign messages');
      checkSignature(parsed, signer);
      return { content: parsed.content, signer };
    },
  };
}

/** @throws Mom4cError M4C_BAD_SIGNATURE */
export function checkSignature(
  parsed: SignedData,
  { fingerprint, publicKey }: Pick<Certificate, 'fingerprint' | 'publicKey'>,
): void {
  if (fingerprint !== parsed.certificateHash.toString('hex'))
    throw badSignature('it was made under another certificate');
  const algorithms: readonly string[] = isEc(publicKey)
    ? [OID.ecdsaWithSha256]
    : [OID.sha256WithRsa, OID.rsaEncryption];
  if (!algorithms.includes(parsed.signatureAlgorithm))
    throw badSignature('its algorithm is not that of the key');
  if (!verify('sha256', parsed.attributes, publicKey, parsed.signature))
    throw badSignature('it does not fit');
}

/** Its signature is still to be checked. @param type eContentType that it must have
 *  @throws Mom4cError M4C_TOO_LARGE, M4C_MALFORMED, M4C_BAD_SIGNATURE (the digest is not that of the content) */
export function readSignedData(
  octets: Uint8Array,
  detached: Uint8Array | undefined,
  type: string,
): SignedData {
  // No certificates [0] and no CRLs [1]: a signer is found in the directory, or not at all.
  const items = decodeContentInfo(octets, OID.signedData, 'SignedData');
  if (items.length !== 4) throw malformed('SignedData: certificates or revocation lists are not accepted');
  const [version, digestAlgorithms, encapsulated, signerInfos] = items;
  // Version 1 is that of data, signed under an issuerAndSerialNumber (RFC 5652 §5.1, §5.3); of other types it is 3.
  if (readSmallInteger(version, 'version') !== (type === OID.data ? 1 : 3))
    throw malformed('SignedData: version');
  expectSha256(readSet(digestAlgorithms, 'digestAlgorithms', 1)[0]);
  const [signerInfo] = readSet(signerInfos, 'signerInfos', 1);
  const content = readContent(encapsulated, detached, type);
  const parsed = { content, ...readSignerInfo(signerInfo, type) };
  const digest = hash('sha256', content, 'buffer');
  if (!digest.equals(parsed.messageDigest)) throw badSignature('its digest is not that of the content');
  return parsed;
}

function readContent(
  encapsulated: Der | undefined,
  detached: Uint8Array | undefined,
  expected: string,
): Uint8Array {
  const [type, explicit, ...more] = readSequence(encapsulated, 'encapContentInfo');
  expectOid(type, expected, 'eContentType');
  if (more.length > 0) throw malformed('encapContentInfo');
  // Two contents would leave open which of them was signed.
  if (explicit && detached) throw malformed('SignedData: content inside and beside it');
  if (explicit) return readOctetString(readTagged(explicit, 0, 'eContent', 1)[0], 'eContent');
  if (!detached) throw malformed('SignedData: no content');
  checkSize(detached);
  return detached;
}

/** RFC 5652 §5.3, without unsigned attributes. */
function readSignerInfo(value: Der | undefined, type: string): Omit<SignedData, 'content'> {
  const items = readSequence(value, 'SignerInfo', 6);
  const [version, identifier, digestAlgorithm, signedAttributes, signatureAlgorithm, signature] = items;
  if (readSmallInteger(version, 'version') !== 1) throw malformed('SignerInfo: version');
  expectSha256(digestAlgorithm);
  const attributes = readTagged(signedAttributes, 0, 'signedAttrs');
  // DER sorts a SET. Another order would be another encoding of the same attributes.
  if (!isSorted(attributes)) throw malformed('signedAttrs: not in the order of DER');
  const read = readAttributes(attributes);
  expectOid(read(OID.contentType), type, 'contentType');
  const signer = readIssuerAndSerial(identifier);
  return {
    signer,
    // What was signed is the SET, not the [0] that stands in its place (RFC 5652 §5.4).
    attributes: encode(asSetOf(signedAttributes!)),
    messageDigest: readOctetString(read(OID.messageDigest), 'messageDigest'),
    certificateHash: readCertificateHash(read(OID.signingCertificateV2), signer),
    signatureAlgorithm: readPlainAlgorithm(signatureAlgorithm, 'signatureAlgorithm'),
    signature: readOctetString(signature, 'signature'),
  };
}

/** Every type at most once, with exactly one value each (RFC 5652 §11). @returns finds a mandatory one */
function readAttributes(attributes: readonly Der[]): (type: string) => Der {
  if (attributes.length > MAX_ATTRIBUTES) throw malformed('signedAttrs: too many');
  const found = new Map<string, Der>();
  for (const attribute of attributes) {
    const [type, values] = readSequence(attribute, 'signedAttrs', 2);
    const id = readOid(type, 'signedAttrs');
    if (found.has(id)) throw malformed(`signedAttrs: ${id} twice`);
    found.set(id, readSet(values, 'signedAttrs', 1)[0]!);
  }
  return (type) => {
    const value = found.get(type);
    if (!value) throw malformed(`signedAttrs: ${type} is missing`);
    return value;
  };
}

/** RFC 5035 §3, with the signer's certificate alone; SHA-256 is the default and so is not written. */
function readCertificateHash(signingCertificate: Der, signer: IssuerAndSerial): Buffer {
  const [certificates] = readSequence(signingCertificate, 'SigningCertificateV2', 1);
  const [certificate] = readSequence(certificates, 'SigningCertificateV2', 1);
  const [hash, issuerSerial, ...more] = readSequence(certificate, 'ESSCertIDv2');
  if (more.length > 0) throw malformed('ESSCertIDv2');
  if (issuerSerial) checkIssuerSerial(issuerSerial, signer);
  return readOctetString(hash, 'ESSCertIDv2: SHA-256');
}

/** IssuerSerial (RFC 5035 §4) says in another form what the SignerInfo says already: it must be the same. */
function checkIssuerSerial(value: Der, signer: IssuerAndSerial): void {
  const [names, serial] = readSequence(value, 'IssuerSerial', 2);
  const [name] = readSequence(names, 'IssuerSerial', 1);
  const [issuer] = readTagged(name, DIRECTORY_NAME, 'IssuerSerial', 1);
  const isSigner =
    encode(issuer!).toString('hex') === signer.issuer &&
    readInteger(serial, 'IssuerSerial').toString('hex') === signer.serial;
  if (!isSigner) throw malformed('IssuerSerial: not that of the signer');
}

function expectSha256(value: Der | undefined): void {
  if (readPlainAlgorithm(value, 'digestAlgorithm') !== OID.sha256)
    throw malformed('digestAlgorithm: SHA-256 expected');
}

function badSignature(detail: string): Mom4cError {
  return new Mom4cError('M4C_BAD_SIGNATURE', detail);
}
