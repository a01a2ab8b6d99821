/** What certificates, requests and revocation lists have in common: SIGNED of X.509, under SHA-256. */
import { createPublicKey, type KeyObject, sign, type SignKeyObjectInput } from 'node:crypto';
import { promisify } from 'node:util';
import {
  bitString,
  decode,
  type Der,
  encode,
  nullValue,
  octetString,
  oid,
  sequence,
  boolean,
} from './der.ts';
import { OID_ECDSA_SHA256, OID_SHA256_RSA } from './scep-algorithms.ts';

/** A key of RSA-4096 has 550 octets. */
const MAX_KEY_OCTETS = 2_048;

/** RSA takes long on a small node; so it runs in node's pool of threads. */
const signInPool = promisify<string, Uint8Array, SignKeyObjectInput | KeyObject, Buffer>(sign);

/** AlgorithmIdentifier of the signatures of this key: P-256 or RSA. */
export function signatureAlgorithm(key: KeyObject): Der {
  return key.asymmetricKeyType === 'rsa'
    ? sequence(oid(OID_SHA256_RSA), nullValue())
    : sequence(oid(OID_ECDSA_SHA256));
}

/** SubjectPublicKeyInfo. @param key public or private */
export function publicKeyInfo(key: KeyObject): Der {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return decode(publicKey.export({ type: 'spki', format: 'der' }), MAX_KEY_OCTETS);
}

/** `critical` is DEFAULT FALSE, which DER does not write (X.690 §11.5). @param value DER */
export function extension(type: string, critical: boolean, value: Uint8Array): Der {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** @returns DER of the content, the algorithm and the signature */
export async function signedObject(content: Der, key: KeyObject): Promise<Buffer> {
  return assembled(content, key, await signInPool('sha256', encode(content), key));
}

/** The same, at once. */
export function signedObjectNow(content: Der, key: KeyObject): Buffer {
  return assembled(content, key, sign('sha256', encode(content), key));
}

function assembled(content: Der, key: KeyObject, signature: Uint8Array): Buffer {
  return encode(sequence(content, signatureAlgorithm(key), bitString(signature)));
}
