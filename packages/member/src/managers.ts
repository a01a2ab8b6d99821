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

/** The same, as the directory has them at this moment, whatever it said a while ago. @throws as `currentManagers` */
export async function managersNow({
  directory,
  service,
}: Pick<Member, 'directory' | 'service'>): Promise<readonly Certificate[]> {
  const all = await directory.byRole('cm');
  const found = all.filter(({ addresses }) => addresses.includes(service));
  if (found.length === 0) throw new Mom4cError('M4C_NO_MANAGER', 'the directory names none');
  return found;
}

/**
 * The managers that a leadership statement names. The statement itself tells of changes, so the directory is asked only
 * for certificates that are new, however seldom there is something to say.
 */
export class NamedManagers {
  readonly #member: Pick<Member, 'directory' | 'service' | 'clock'>;
  #known: readonly Certificate[] = [];

  constructor(member: Pick<Member, 'directory' | 'service' | 'clock'>) {
    this.#member = member;
  }

  /** Those of them that the directory has. @param fingerprints undefined: there is no statement yet, so all current ones
   *  @throws Mom4cError M4C_NO_MANAGER, M4C_DIRECTORY_UNREACHABLE */
  async find(fingerprints: readonly string[] | undefined): Promise<readonly Certificate[]> {
    if (!fingerprints) return currentManagers(this.#member);
    const found = await this.#named(fingerprints);
    // What one of them signs next, because it has taken over, must not wait for the directory.
    for (const { issuer, serial } of found)
      this.#member.directory.byIssuerAndSerial(issuer, serial).catch(() => {});
    return found;
  }

  async #named(fingerprints: readonly string[]): Promise<readonly Certificate[]> {
    const now = this.#member.clock.now();
    const isNamed = (one: Certificate): boolean => fingerprints.includes(one.fingerprint);
    const known = this.#known.filter((one) => isNamed(one) && now < one.notAfter);
    if (known.length === fingerprints.length) return known;
    this.#known = (await currentManagers(this.#member)).filter(isNamed);
    if (this.#known.length === 0)
      throw new Mom4cError('M4C_NO_MANAGER', 'the directory names none of the current ones');
    return this.#known;
  }
}
