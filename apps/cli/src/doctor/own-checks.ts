/** What lies on this machine: profile, files, certificate, authority. */
import { existsSync } from 'node:fs';
import { Mom4cError } from '@mom4c/core';
import { adminSettings, identityFindings, tlsOf } from '@mom4c/member';
import type { AdminSettings } from '@mom4c/member';
import { readKeystore, verifyIssued } from '@mom4c/pki';
import type { Keystore } from '@mom4c/pki';
import { checkConfig, loadConfig, readSecret } from '@mom4c/runtime';
import { profileFile } from '../profile.ts';
import type { ProfileOptions } from '../profile.ts';
import type { Found } from './examination.ts';
import type { Tls } from './tls-facts.ts';

export type Own = { settings: AdminSettings; keystore: Keystore; tls: Tls };

export async function checkProfile(
  options: ProfileOptions,
): Promise<Found<{ file: string; settings: AdminSettings }>> {
  const { file } = profileFile(options, process.env);
  const settings = loadConfig(adminSettings, { file, env: process.env });
  const { name, domain } = settings;
  return { says: `${name} of ${domain}, by ${file}`, value: { file, settings } };
}

/** Modes and owners, as `mom4c config check` tells them. */
export async function checkFiles({
  file,
  settings,
}: {
  file: string;
  settings: AdminSettings;
}): Promise<Found<AdminSettings>> {
  const { findings } = checkConfig(adminSettings, { file, env: process.env }, identityFindings);
  const faults = findings.filter(({ level }) => level === 'fault');
  if (faults.length > 0) {
    const list = faults.map(({ path, reason, hint }) => `${path}: ${reason}${hint ? ` → ${hint}` : ''}`);
    throw new Mom4cError('M4C_CONFIG', list.join('; '));
  }
  const [warning] = findings;
  if (warning)
    return {
      says: `${warning.path}: ${warning.reason}`,
      value: settings,
      warn: { remedy: warning.hint ?? '' },
    };
  return { says: 'keystore and password are there, for their owner alone', value: settings };
}

const DAY_MS = 24 * 3_600_000;

export async function checkCertificate(settings: AdminSettings): Promise<Found<Own>> {
  const { file, passwordFile } = settings.keystore;
  if (!existsSync(file))
    throw new Mom4cError('M4C_NO_TOKEN', 'not enrolled yet: the first command does that with the token');
  const keystore = await readKeystore(file, readSecret(passwordFile));
  const { certificate, authority, key } = keystore;
  if (
    certificate.name !== settings.name ||
    certificate.domain !== settings.domain ||
    certificate.role !== 'admin'
  )
    throw new Mom4cError(
      'M4C_CERTIFICATE_NAME',
      `it is for ${certificate.name} (${certificate.role}) of ${certificate.domain}`,
    );
  const now = Date.now();
  verifyIssued(certificate, authority, now);
  const left = certificate.notAfter - now;
  const days = Math.floor(left / DAY_MS);
  const says = `${certificate.name} (${certificate.role}), ${key.asymmetricKeyType}, good for ${days} days`;
  const value = { settings, keystore, tls: tlsOf({ identity: { key, certificate }, authority }) };
  const isOld = left < (certificate.notAfter - certificate.notBefore) / 3;
  const remedy = 'Enrol anew in time: a new token, and an empty keystore.';
  return isOld ? { says, value, warn: { remedy } } : { says, value };
}

export async function checkAuthority({ settings, keystore }: Own): Promise<Found<undefined>> {
  const { fingerprint } = keystore.authority;
  if (fingerprint !== settings.authority.fingerprint)
    throw new Mom4cError(
      'M4C_CA_NOT_TRUSTED',
      `configured is ${short(settings.authority.fingerprint)}, the certificate comes from ${short(fingerprint)}`,
    );
  return { says: `fingerprint ${short(fingerprint)} as configured`, value: undefined };
}

const short = (fingerprint: string): string => `${fingerprint.slice(0, 16)}…`;
