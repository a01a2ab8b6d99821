/** Making CMS SignedData (RFC 5652 §5) with one signer, SHA-256, and the three signed attributes that we demand. */
import { hash, type KeyObject, sign, type SignKeyObjectInput } from 'node:crypto';
import { promisify } from 'node:util';
import { type Certificate, Mom4cError, type Signer } from '@mom4c/core';
import { algorithm, checkSize, encodeContentInfo, isEc, issuerAndSerial, OID } from './cms-structure.ts';
import {
  type Der,
  encode,
  implicitly,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  tagged,
  written,
} from './der.ts';
import { checkKeyPair } from './key-pair.ts';

/** Runs in node's pool of threads. */
const signInPool = promisify<string, Uint8Array, SignKeyObjectInput | KeyObject, Buffer>(sign);

const VERSION_1 = smallInteger(1);
const VERSION_3 = smallInteger(3);
const SHA_256 = written(algorithm(OID.sha256));
const SHA_256_ALONE = written(setOf(SHA_256));

/** @throws Mom4cError M4C_CERTIFICATE_INVALID if the key is not that of the certificate */
export function createSigner({ key, certificate }: { key: KeyObject; certificate: Certificate }): Signer {
  if (certificate.role === 'server')
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'a server does not sign messages');
  const signContent = contentSigner(key, certificate, OID.data);
  return {
    certificate,
    signDetached: (content) => signContent(content, false),
    signEnclosed: (content) => signContent(content, true),
  };
}

export type NamedCertificate = Pick<Certificate, 'issuer' | 'serial' | 'fingerprint' | 'publicKey'>;

/** @param type eContentType: what was signed as one type is nothing as another
 *  @throws Mom4cError M4C_CERTIFICATE_INVALID if the key is not that of the certificate */
export function contentSigner(
  key: KeyObject,
  certificate: NamedCertificate,
  type: string,
): (content: Uint8Array, enclose: boolean) => Promise<Uint8Array> {
  checkKeyPair(key, certificate);
  const ec = isEc(key);
  // Written once for all messages.
  const signerIdentifier = issuerAndSerial(certificate);
  const signatureAlgorithm = written(
    ec ? algorithm(OID.ecdsaWithSha256) : algorithm(OID.sha256WithRsa, nullValue()),
  );
  const eContentType = oid(type);
  // RFC 5652 §5.1.
  const version = type === OID.data ? VERSION_1 : VERSION_3;
  const contentType = written(attribute(OID.contentType, eContentType));
  const signingCertificate = written(attribute(OID.signingCertificateV2, signingCertificateV2(certificate)));

  return async (content, enclose) => {
    checkSize(content);
    const digest = hash('sha256', content, 'buffer');
    const attributes = setOf(
      contentType,
      attribute(OID.messageDigest, octetString(digest)),
      signingCertificate,
    );
    const signed = encode(attributes);
    // P-256 takes less time than the way to the pool and back; RSA takes ten times more, and a hundred on a small node.
    const signature = ec ? sign('sha256', signed, key) : await signInPool('sha256', signed, key);
    const signerInfo = sequence(
      VERSION_1,
      signerIdentifier,
      SHA_256,
      implicitly(0, attributes),
      signatureAlgorithm,
      octetString(signature),
    );
    const encapsulated = enclose
      ? sequence(eContentType, tagged(0, octetString(content)))
      : sequence(eContentType);
    return encodeContentInfo(
      OID.signedData,
      sequence(version, SHA_256_ALONE, encapsulated, setOf(signerInfo)),
    );
  };
}

function attribute(type: string, value: Der): Der {
  return sequence(oid(type), setOf(value));
}

/** RFC 5035 §3: SHA-256 is the default, and so is not written. */
function signingCertificateV2(certificate: NamedCertificate): Der {
  return sequence(sequence(sequence(octetString(Buffer.from(certificate.fingerprint, 'hex')))));
}
