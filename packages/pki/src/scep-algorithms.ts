/**
 * Ciphers and digests of SCEP messages (RFC 8894 §2.9), and which of them are weak. SCEP clients that are in use still
 * emit weak ones; who may use them is decided where a request is answered, never here.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { readOid, readSequence } from './der.ts';
import type { Der } from './der.ts';

export type Cipher = {
  /** As in logs. */
  readonly name: string;
  readonly weak: boolean;
  /** Octets. */
  readonly keyLength: number;
  readonly ivLength: number;
  encrypt(key: Uint8Array, iv: Uint8Array, content: Uint8Array): Buffer;
  /** @throws Error where the padding does not fit */
  decrypt(key: Uint8Array, iv: Uint8Array, content: Uint8Array): Buffer;
};

export type Digest = {
  /** As node:crypto and logs name it. */
  readonly name: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  readonly weak: boolean;
};

/** A signature algorithm: kind of key, and the digest where the algorithm fixes it. */
export type SignatureScheme = { readonly key: 'rsa' | 'ec'; readonly digest?: Digest };

export const OID_RSA = '1.2.840.113549.1.1.1';
export const OID_SHA256 = '2.16.840.1.101.3.4.2.1';
export const OID_ECDSA_SHA256 = '1.2.840.10045.4.3.2';
export const OID_SHA256_RSA = '1.2.840.113549.1.1.11';
export const OID_AES128_CBC = '2.16.840.1.101.3.4.1.2';
export const OID_AES256_CBC = '2.16.840.1.101.3.4.1.42';
const OID_DES3_CBC = '1.2.840.113549.3.7';
const OID_DES_CBC = '1.3.14.3.2.7';

/** Three DES keys that are equal make 3DES what single DES is; OpenSSL 3 itself has single DES no more. */
const threefold = (key: Uint8Array): Buffer => Buffer.concat([key, key, key]);

const CIPHERS: Readonly<Record<string, Cipher>> = {
  [OID_AES128_CBC]: cipher('AES-128', 'aes-128-cbc', { keyLength: 16, ivLength: 16, weak: false }),
  [OID_AES256_CBC]: cipher('AES-256', 'aes-256-cbc', { keyLength: 32, ivLength: 16, weak: false }),
  // NIST SP 800-131A withdrew it at the end of 2023; a block has 64 bits (Sweet32).
  [OID_DES3_CBC]: cipher('3DES', 'des-ede3-cbc', { keyLength: 24, ivLength: 8, weak: true }),
  [OID_DES_CBC]: cipher('DES', 'des-ede3-cbc', { keyLength: 8, ivLength: 8, weak: true }, threefold),
};

const SHA1: Digest = { name: 'sha1', weak: true };
const SHA256: Digest = { name: 'sha256', weak: false };
const SHA384: Digest = { name: 'sha384', weak: false };
const SHA512: Digest = { name: 'sha512', weak: false };
const DIGESTS: Readonly<Record<string, Digest>> = {
  '1.3.14.3.2.26': SHA1,
  [OID_SHA256]: SHA256,
  '2.16.840.1.101.3.4.2.2': SHA384,
  '2.16.840.1.101.3.4.2.3': SHA512,
};

const SIGNATURES: Readonly<Record<string, SignatureScheme>> = {
  [OID_RSA]: { key: 'rsa' },
  '1.2.840.113549.1.1.5': { key: 'rsa', digest: SHA1 },
  [OID_SHA256_RSA]: { key: 'rsa', digest: SHA256 },
  '1.2.840.113549.1.1.12': { key: 'rsa', digest: SHA384 },
  '1.2.840.113549.1.1.13': { key: 'rsa', digest: SHA512 },
  [OID_ECDSA_SHA256]: { key: 'ec', digest: SHA256 },
  '1.2.840.10045.4.3.3': { key: 'ec', digest: SHA384 },
  '1.2.840.10045.4.3.4': { key: 'ec', digest: SHA512 },
};

/** `undefined`: not one that is read at all. */
export const cipherOf = (oid: string): Cipher | undefined => own(CIPHERS, oid);
export const digestOf = (oid: string): Digest | undefined => own(DIGESTS, oid);
export const signatureOf = (oid: string): SignatureScheme | undefined => own(SIGNATURES, oid);

/** The identifier in an AlgorithmIdentifier. @throws Mom4cError M4C_MALFORMED */
export function readAlgorithm(value: Der | undefined, what: string): string {
  return readOid(readSequence(value, what)[0], what);
}

function own<Value>(table: Readonly<Record<string, Value>>, oid: string): Value | undefined {
  return Object.hasOwn(table, oid) ? table[oid] : undefined;
}

function cipher(
  name: string,
  algorithm: string,
  facts: Pick<Cipher, 'keyLength' | 'ivLength' | 'weak'>,
  keyOf: (key: Uint8Array) => Uint8Array = (key) => key,
): Cipher {
  return {
    name,
    ...facts,
    encrypt(key, iv, content) {
      const running = createCipheriv(algorithm, keyOf(key), iv);
      return Buffer.concat([running.update(content), running.final()]);
    },
    decrypt(key, iv, content) {
      const running = createDecipheriv(algorithm, keyOf(key), iv);
      return Buffer.concat([running.update(content), running.final()]);
    },
  };
}
