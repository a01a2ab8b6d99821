import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, silentLog } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import { adminSettings, ensureIdentity, tlsOf } from '@mom4c/member';
import { loadConfig } from '@mom4c/runtime';
import { memberSettings, writeMember } from './node.ts';
import type { DomainServices } from './node.ts';

export const ADMINISTRATOR = 'admin';

export type AdministratorProfile = {
  /** The profile that the command line reads. */
  path: string;
  /** PEM files, for programs of others: `openssl s_client`, stock XMPP clients. */
  certificate: string;
  key: string;
};

export function administratorProfile(folder: string): AdministratorProfile {
  const file = (name: string) => join(folder, name);
  return { path: file('config.yaml'), certificate: file('certificate.pem'), key: file('key.pem') };
}

/** Makes an administrator's profile and obtains the certificate, as the command line would at its first use. */
export async function enrollAdministrator(
  folder: string,
  services: DomainServices & { admin: { url: string } },
  token: string,
  random: Random,
): Promise<AdministratorProfile> {
  const settings = { ...memberSettings(folder, ADMINISTRATOR, services), admin: services.admin };
  const file = writeMember(folder, settings, token, random);
  const around = {
    clock: systemClock,
    random,
    log: silentLog,
    signal: AbortSignal.timeout(ENROLMENT_LIMIT_MS),
  };
  const { cert, key } = tlsOf(await ensureIdentity(loadConfig(adminSettings, { file }), 'admin', around));
  const profile = administratorProfile(folder);
  writeFileSync(profile.certificate, cert, { mode: 0o644 });
  writeFileSync(profile.key, key, { mode: 0o600 });
  return profile;
}

const ENROLMENT_LIMIT_MS = 60_000;
