/** What the CMS objects of RFC 5652 share: ContentInfo, names of certificates, algorithms, bounds. */
import type { KeyObject } from 'node:crypto';
import { type Certificate, Mom4cError } from '@mom4c/core';
import { checkName } from './certificate-names.ts';
import {
  decode,
  type Der,
  encode,
  isNull,
  malformed,
  oid,
  readInteger,
  readOid,
  readSequence,
  readTagged,
  sequence,
  tagged,
  unsignedInteger,
  written,
} from './der.ts';

/** What `issuerAndSerialNumber` names: lower-case hex, as in `Certificate`. */
export type IssuerAndSerial = { readonly issuer: string; readonly serial: string };

/** Of any CMS object and of any content: what fits into a stanza, with room to spare. */
export const MAX_CMS_OCTETS = 262_144;

/** A Name of our profile has about 60 octets. */
const MAX_NAME_OCTETS = 4_096;

export const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  /** RFC 5083 §2. */
  authEnvelopedData: '1.2.840.113549.1.9.16.1.23',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  /** RFC 5035 §3. */
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  sha256: '2.16.840.1.101.3.4.2.1',
  rsaEncryption: '1.2.840.113549.1.1.1',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  /** RFC 5084 §3.2. */
  aes256Gcm: '2.16.840.1.101.3.4.1.46',
  /** RFC 3565 §2.3.2. */
  aes256Wrap: '2.16.840.1.101.3.4.1.45',
  ecPublicKey: '1.2.840.10045.2.1',
  /** RFC 5753 §7.1.4. */
  stdDhSha256Kdf: '1.3.132.1.11.1',
  /** RFC 4055 §4.1. */
  rsaesOaep: '1.2.840.113549.1.1.7',
  mgf1: '1.2.840.113549.1.1.8',
  /** Ours, by a UUID (X.667): a statement of the authority about the generation of its domain's epochs. */
  generationStatement: '2.25.334649618493027223594979284424155469593',
} as const;

/** @throws Mom4cError M4C_TOO_LARGE */
export function checkSize(octets: Uint8Array): void {
  if (octets.length > MAX_CMS_OCTETS)
    throw new Mom4cError('M4C_TOO_LARGE', `more than ${MAX_CMS_OCTETS} octets`);
}

/** ContentInfo (RFC 5652 §3). @throws Mom4cError M4C_TOO_LARGE */
export function encodeContentInfo(type: string, content: Der): Buffer {
  const der = encode(sequence(oid(type), tagged(0, content)));
  checkSize(der);
  return der;
}

/** @throws Mom4cError M4C_TOO_LARGE, M4C_MALFORMED */
export function decodeContentInfo(octets: Uint8Array, type: string, what: string): readonly Der[] {
  checkSize(octets);
  const [contentType, explicit] = readSequence(decode(octets, MAX_CMS_OCTETS), 'ContentInfo', 2);
  if (readOid(contentType, 'ContentInfo') !== type) throw malformed(`${what} expected`);
  return readSequence(readTagged(explicit, 0, 'ContentInfo', 1)[0], what);
}

/** Of certificates, which do not change, and which are kept by those who know them. */
const names = new WeakMap<Pick<Certificate, 'issuer' | 'serial'>, Der>();

/** `issuerAndSerialNumber` (RFC 5652 §10.2.4). */
export function issuerAndSerial(certificate: Pick<Certificate, 'issuer' | 'serial'>): Der {
  const known = names.get(certificate);
  if (known) return known;
  const { issuer, serial } = certificate;
  const name = decode(Buffer.from(issuer, 'hex'), MAX_NAME_OCTETS);
  const made = written(sequence(name, unsignedInteger(Buffer.from(serial, 'hex'))));
  names.set(certificate, made);
  return made;
}

/** @throws Mom4cError M4C_MALFORMED */
export function readIssuerAndSerial(value: Der | undefined): IssuerAndSerial {
  const [issuer, serial] = readSequence(value, 'issuerAndSerialNumber', 2);
  checkName(issuer, 'issuer');
  return {
    issuer: encode(issuer!).toString('hex'),
    serial: readInteger(serial, 'serialNumber').toString('hex'),
  };
}

/** @param parameters absent if undefined */
export function algorithm(id: string, parameters?: Der): Der {
  return parameters ? sequence(oid(id), parameters) : sequence(oid(id));
}

/** An AlgorithmIdentifier whose parameters say nothing: absent, or NULL as some write. @returns its identifier */
export function readPlainAlgorithm(value: Der | undefined, what: string): string {
  const [id, parameters, ...more] = readSequence(value, what);
  if (more.length > 0 || (parameters && !isNull(parameters))) throw malformed(`${what}: parameters`);
  return readOid(id, what);
}

/** `ec` or `rsa`: keys of any other type have been refused where certificates and keystores are read. */
export function isEc(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec';
}
