/** Making certificates (RFC 5280 §4.1): version 3, signed with SHA-256. */
import { createHash, type KeyObject } from 'node:crypto';
import type { Random } from '@mom4c/core';
import {
  authorityKeyIdentifier,
  basicConstraints,
  EXTENDED_KEY_USAGE,
  EXTENSION,
  extendedKeyUsage,
  KEY_USAGE,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from './certificate-extensions.ts';
import {
  decode,
  type Der,
  readBitString,
  readSequence,
  sequence,
  smallInteger,
  tagged,
  time,
  unsignedInteger,
} from './der.ts';
import { extension, publicKeyInfo, signatureAlgorithm, signedObject } from './signed-object.ts';

export type CertificateContent = {
  /** DER Names. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly publicKey: KeyObject;
  /** P-256 or RSA; signs with SHA-256. */
  readonly signingKey: KeyObject;
  /** `undefined` where it signs itself. */
  readonly authorityKeyId: Uint8Array | undefined;
  readonly ca: boolean;
  readonly usage: readonly (keyof typeof KEY_USAGE)[];
  readonly extendedUsage: readonly (keyof typeof EXTENDED_KEY_USAGE)[];
  /** GeneralNames. */
  readonly altNames: readonly Der[];
  /** Milliseconds since 1970; whole seconds are kept. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly random: Random;
};

const MAX_NAME_OCTETS = 2_048;
const VERSION_3 = 2;

/** @returns DER */
export function writeCertificate(content: CertificateContent): Promise<Uint8Array> {
  const tbs = sequence(
    tagged(0, smallInteger(VERSION_3)),
    unsignedInteger(serialNumber(content.random)),
    signatureAlgorithm(content.signingKey),
    decode(content.issuer, MAX_NAME_OCTETS),
    sequence(time(content.notBefore), time(content.notAfter)),
    decode(content.subject, MAX_NAME_OCTETS),
    publicKeyInfo(content.publicKey),
    tagged(3, sequence(...extensionsOf(content))),
  );
  return signedObject(tbs, content.signingKey);
}

/** RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the key. */
export function keyIdOf(publicKey: KeyObject): Uint8Array {
  const [, key] = readSequence(publicKeyInfo(publicKey), 'SubjectPublicKeyInfo', 2);
  return createHash('sha256').update(readBitString(key, 'SubjectPublicKeyInfo')).digest().subarray(0, 20);
}

function extensionsOf(content: CertificateContent): Der[] {
  const extensions = [
    extension(EXTENSION.basicConstraints, true, basicConstraints(content.ca)),
    extension(EXTENSION.keyUsage, true, keyUsage(...content.usage)),
    extension(EXTENSION.subjectKeyIdentifier, false, subjectKeyIdentifier(keyIdOf(content.publicKey))),
  ];
  const { authorityKeyId, extendedUsage, altNames } = content;
  if (authorityKeyId)
    extensions.push(
      extension(EXTENSION.authorityKeyIdentifier, false, authorityKeyIdentifier(authorityKeyId)),
    );
  if (extendedUsage.length > 0)
    extensions.push(extension(EXTENSION.extendedKeyUsage, false, extendedKeyUsage(...extendedUsage)));
  if (altNames.length > 0)
    extensions.push(extension(EXTENSION.subjectAltName, false, subjectAltName(...altNames)));
  return extensions;
}

/** 16 octets, positive and without a leading zero, so that every tool prints it alike. */
function serialNumber(random: Random): Buffer {
  const octets = Buffer.from(random.bytes(16));
  octets[0] = 0x40 | (octets[0]! & 0x3f);
  return octets;
}
