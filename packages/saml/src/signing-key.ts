/** Keys that are pinned, out of the certificates that carry them. */
import { X509Certificate, type KeyObject } from 'node:crypto';
import type { SigningKey } from './signed-element.ts';

const MIN_RSA_BITS = 2048;
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
export const MAX_CERTIFICATE_CHARACTERS = 16 * 1024;

/**
 * @param certificate PEM, or DER in base64 as metadata have it. Its validity, issuer and extensions do not count: who
 *   signed the metadata vouches for the key (SAML metadata interoperability §2.5).
 * @throws Error
 */
export function signingKey(certificate: string): SigningKey {
  const { publicKey } = new X509Certificate(
    certificate.includes('-----BEGIN') ? certificate : certificateDer(certificate),
  );
  return { kind: kindOf(publicKey), key: publicKey };
}

/** @param base64 white space in it does not count. @throws Error */
export function certificateDer(base64: string): Buffer {
  const packed = base64.replace(/[ \t\r\n]/g, '');
  if (packed.length > MAX_CERTIFICATE_CHARACTERS || !BASE64.test(packed))
    throw new Error('no certificate in base64');
  return Buffer.from(packed, 'base64');
}

function kindOf(key: KeyObject): SigningKey['kind'] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) return 'rsa';
  if (key.asymmetricKeyType === 'ec' && CURVES.includes(namedCurve)) return 'ec';
  throw new Error('a key that is no RSA key of 2048 bits or more, and none of a curve of NIST');
}
