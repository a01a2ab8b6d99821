/** Does a private key belong to a certificate? */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type Certificate, Mom4cError } from '@mom4c/core';

/** @throws Mom4cError M4C_CERTIFICATE_INVALID */
export function checkKeyPair(key: KeyObject, certificate: Pick<Certificate, 'publicKey'>): void {
  if (key.type !== 'private' || !createPublicKey(key).equals(certificate.publicKey))
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'the key is not that of the certificate');
}
