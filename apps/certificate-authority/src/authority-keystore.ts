/** The key of the authority, in a PKCS#12 file under a password. */
import { existsSync } from 'node:fs';
import type { KeyObject } from 'node:crypto';
import { Mom4cError, systemClock, systemRandom } from '@mom4c/core';
import { createAuthority, issueCertificate, readCertificate, readKeystore, writeKeystore } from '@mom4c/pki';
import type { Authority } from '@mom4c/pki';
import { readSecret } from '@mom4c/runtime';
import type { CertificateAuthorityConfig } from './config.ts';

export type AuthorityKeys = { readonly authority: Authority; readonly authorityKey: KeyObject };

const AUTHORITY_DAYS = 3650;

/** @throws Mom4cError M4C_CONFIG if there is one already, for its loss would be the loss of the domain */
export async function makeAuthority({ keystore, domain }: CertificateAuthorityConfig): Promise<Authority> {
  if (existsSync(keystore.file)) throw new Mom4cError('M4C_CONFIG', `${keystore.file}: is there already`);
  const password = readSecret(keystore.passwordFile);
  const [clock, random] = [systemClock, systemRandom];
  const { key, authority } = await createAuthority({ domain, clock, random, validityDays: AUTHORITY_DAYS });
  // A keystore holds a key with a member's certificate for it; this one fills the place and is shown to nobody.
  const der = await issueCertificate({
    authority,
    authorityKey: key,
    publicKey: authority.publicKey,
    name: 'ca',
    role: 'ca',
    domain,
    addresses: [`ca@${domain}`],
    notBefore: authority.notBefore,
    notAfter: authority.notAfter,
    random,
  });
  await writeKeystore(keystore.file, { key, certificate: readCertificate(der), authority }, password);
  return authority;
}

/** @throws Mom4cError M4C_CONFIG, M4C_KEYSTORE_PASSWORD, M4C_KEYSTORE_UNREADABLE, M4C_CERTIFICATE_NAME */
export async function openAuthority({
  keystore,
  domain,
}: CertificateAuthorityConfig): Promise<AuthorityKeys> {
  const { key, certificate, authority } = await readKeystore(
    keystore.file,
    readSecret(keystore.passwordFile),
  );
  if (certificate.domain !== domain)
    throw new Mom4cError('M4C_CERTIFICATE_NAME', `the keystore is that of ${certificate.domain}`);
  return { authority, authorityKey: key };
}
