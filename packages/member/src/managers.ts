import { Mom4cError } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import type { Member } from './member.ts';

/**
 * The certificates under which everything for `cm@D` is sealed: of each cluster manager, active or passive, the newest,
 * so that whoever has taken over can open it. @throws Mom4cError M4C_NO_MANAGER, M4C_DIRECTORY_UNREACHABLE
 */
export async function currentManagers({
  directory,
  service,
}: Pick<Member, 'directory' | 'service'>): Promise<readonly Certificate[]> {
  const newest = new Map<string, Certificate>();
  for (const certificate of await directory.byAddress(service))
    if (certificate.role === 'cm' && !newest.has(certificate.name)) newest.set(certificate.name, certificate);
  if (newest.size === 0) throw new Mom4cError('M4C_NO_MANAGER', 'the directory names none');
  return [...newest.values()];
}
