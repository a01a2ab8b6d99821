/** The certificate that partners see, and its key, from their files. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { Mom4cError } from '@mom4c/core';
import { readSecret } from '@mom4c/runtime';
import type { S2sCredentials } from '@mom4c/xmpp';
import { readPem } from './pem-files.ts';

export type Credentials = S2sCredentials & { /** Milliseconds since 1970. */ readonly notAfter: number };

/** @throws Mom4cError M4C_CONFIG which names the file, also where the two do not belong together: while they are being
 *  changed, one is there before the other */
export function readCredentials({ certFile, keyFile }: { certFile: string; keyFile: string }): Credentials {
  const cert = readPem(certFile);
  const key = readSecret(keyFile);
  const certificate = new X509Certificate(cert);
  let fits: boolean;
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `${keyFile}: is no private key in PEM`, { cause });
  }
  if (!fits) throw new Mom4cError('M4C_CONFIG', `${keyFile}: is not the key of ${certFile}`);
  return { cert, key, notAfter: certificate.validToDate.getTime() };
}
