/** The first half of a first start: an account and an RSA certificate, which the product would change for P-256 at once. */
import { randomBytes } from 'node:crypto';
import type { Role } from '@mom4c/core';
import type { Enrolled, MemberSettings, Surroundings } from '@mom4c/member';
import { enroll, fetchAuthority, makeEnrolmentKey } from '@mom4c/pki';
import { readSecret } from '@mom4c/runtime';
import { registerAccount } from '@mom4c/xmpp';

export async function rsaIdentity(
  settings: MemberSettings,
  role: Role,
  around: Surroundings,
): Promise<Enrolled> {
  const { domain, name, xmpp, tokenFile } = settings;
  const authority = await fetchAuthority({ ...settings.authority, signal: around.signal });
  const tls = { ca: authority.pem };
  const password = randomBytes(24).toString('base64url');
  await registerAccount({ ...xmpp, ...around, domain, tls, username: name, password });
  const { url } = settings.authority;
  const token = readSecret(tokenFile!);
  const key = await makeEnrolmentKey();
  const identity = await enroll({ url, authority, domain, name, role, key, token, ...around });
  return { authority, identity };
}
