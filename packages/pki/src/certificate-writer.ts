/** Making certificates with @peculiar/x509's generator. */
import { createHash, type KeyObject, type webcrypto } from 'node:crypto';
import type { Random } from '@mom4c/core';
import type * as X509 from '@peculiar/x509';
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
import { type Der, decode, readBitString, readSequence } from './der.ts';
import { type Generator, loadGenerator } from './x509-generator.ts';

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

/** @returns DER */
export async function writeCertificate(content: CertificateContent): Promise<Uint8Array> {
  const x509 = await loadGenerator();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(content.random),
    subject: new x509.Name(exact(content.subject)),
    issuer: new x509.Name(exact(content.issuer)),
    notBefore: wholeSeconds(content.notBefore),
    notAfter: wholeSeconds(content.notAfter),
    publicKey: exact(spkiOf(content.publicKey)),
    extensions: extensionsOf(content, x509),
    ...signingKey(content.signingKey),
  });
  return new Uint8Array(certificate.rawData);
}

/** RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the key. */
export function keyIdOf(publicKey: KeyObject): Uint8Array {
  const [, key] = readSequence(decode(spkiOf(publicKey), 2_048), 'SubjectPublicKeyInfo', 2);
  return createHash('sha256').update(readBitString(key, 'SubjectPublicKeyInfo')).digest().subarray(0, 20);
}

function extensionsOf(content: CertificateContent, x509: Generator): X509.Extension[] {
  const extension = (type: keyof typeof EXTENSION, critical: boolean, value: Uint8Array) =>
    new x509.Extension(EXTENSION[type], critical, exact(value));
  const extensions = [
    extension('basicConstraints', true, basicConstraints(content.ca)),
    extension('keyUsage', true, keyUsage(...content.usage)),
    extension('subjectKeyIdentifier', false, subjectKeyIdentifier(keyIdOf(content.publicKey))),
  ];
  if (content.authorityKeyId)
    extensions.push(
      extension('authorityKeyIdentifier', false, authorityKeyIdentifier(content.authorityKeyId)),
    );
  if (content.extendedUsage.length > 0)
    extensions.push(extension('extendedKeyUsage', false, extendedKeyUsage(...content.extendedUsage)));
  if (content.altNames.length > 0)
    extensions.push(extension('subjectAltName', false, subjectAltName(...content.altNames)));
  return extensions;
}

/** 16 octets, positive and without a leading zero, so that every tool prints it alike. */
function serialNumber(random: Random): string {
  const octets = Buffer.from(random.bytes(16));
  octets[0] = 0x40 | (octets[0]! & 0x3f);
  return octets.toString('hex');
}

/** The key as web cryptography has it, and the algorithm under which it signs. */
export function signingKey(key: KeyObject): {
  signingKey: webcrypto.CryptoKey;
  signingAlgorithm: { name: string; hash: string };
} {
  const hash = 'SHA-256';
  if (key.asymmetricKeyType === 'ec') {
    const name = 'ECDSA';
    const converted = key.toCryptoKey({ name, namedCurve: 'P-256' }, false, ['sign']);
    return { signingKey: converted, signingAlgorithm: { name, hash } };
  }
  const name = 'RSASSA-PKCS1-v1_5';
  return {
    signingKey: key.toCryptoKey({ name, hash }, false, ['sign']),
    signingAlgorithm: { name, hash },
  };
}

const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });
export const wholeSeconds = (milliseconds: number): Date => new Date(Math.floor(milliseconds / 1000) * 1000);
/** Web cryptography wants octets of an ArrayBuffer, and node's pool shares one between buffers. */
export const exact = (octets: Uint8Array): ArrayBuffer => Uint8Array.from(octets).buffer;
