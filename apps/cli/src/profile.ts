/** Who the user is: the profile that is configured, or the administrator of a lab. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { AdminSettings } from '@mom4c/member';

export type ProfileOptions = { state?: string | undefined; domain?: string | undefined };

const LAB_FOLDER = '.mom4c';

/** @throws Mom4cError M4C_NO_PROFILE, M4C_CONFIG */
export async function loadProfile(
  options: ProfileOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<AdminSettings> {
  // Loaded here: help and completion need none of it.
  const [{ adminSettings }, { loadConfig }] = await Promise.all([
    import('@mom4c/member'),
    import('@mom4c/runtime'),
  ]);
  const { file, found } = profileFile(options, env);
  const settings = loadConfig(adminSettings, { file, env });
  // A lab that merely lies in the current folder may be anybody's: it must not name a file to be sent as a token.
  return found ? { ...settings, tokenFile: undefined } : settings;
}

/** `found`: nobody named it. @throws Mom4cError M4C_NO_PROFILE */
export function profileFile(
  { state, domain }: ProfileOptions,
  env: NodeJS.ProcessEnv,
): { file: string; found: boolean } {
  if (state !== undefined) return { file: labProfile(state, domain), found: false };
  if (env.MOM4C_PROFILE) return { file: env.MOM4C_PROFILE, found: false };
  const own = join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'mom4c', 'profile.yaml');
  return existsSync(own)
    ? { file: own, found: false }
    : { file: labProfile(LAB_FOLDER, domain), found: true };
}

/** A lab keeps one administrator in each of its domains. */
function labProfile(state: string, domain: string | undefined): string {
  const found = existsSync(join(state, 'lab.json')) ? profilesIn(state) : [];
  const wanted = domain === undefined ? found : found.filter((one) => one.domain === domain);
  if (wanted.length === 1) return wanted[0]!.file;
  if (found.length === 0) throw new Mom4cError('M4C_NO_PROFILE', `no lab in ${state}`);
  const names = found.map((one) => one.domain).join(', ');
  throw new Mom4cError('M4C_NO_PROFILE', `name one of its domains with --domain: ${names}`);
}

function profilesIn(state: string): { domain: string; file: string }[] {
  return readdirSync(state)
    .map((domain) => ({ domain, file: join(state, domain, 'admin', 'config.yaml') }))
    .filter(({ file }) => existsSync(file));
}
