/**
 * Who belongs to the cluster, and who is here. Enrolled is what the directory says; present is whoever has announced
 * itself, signed, at the service address, until the XMPP server says that this session is gone.
 */
import type { Certificate, FullJid, NodeInfo, NodeRegistry } from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';

export type PresentExecutor = {
  readonly certificate: Certificate;
  readonly jid: FullJid;
  readonly version: string;
  /** Unix milliseconds. */
  readonly since: number;
};

const REFRESH_MS = 10_000;

export class Roster implements NodeRegistry {
  readonly #member: Pick<Member, 'directory' | 'clock' | 'log' | 'errorOf'>;
  readonly #own: Omit<NodeInfo, 'present'>;
  readonly #present = new Map<string, PresentExecutor>();
  #generation = 0;
  #enrolled = new Map<string, Certificate>();
  #refreshedAt = Number.NEGATIVE_INFINITY;

  constructor(
    member: Pick<Member, 'directory' | 'clock' | 'log' | 'errorOf'>,
    own: Omit<NodeInfo, 'present'>,
  ) {
    this.#member = member;
    this.#own = own;
  }

  announced(certificate: Certificate, jid: FullJid, presence: PayloadOf<'presence'>): void {
    const { name } = certificate;
    if (this.#present.get(name)?.jid !== jid)
      this.#member.log.info({ executor: name, version: presence.version }, 'present');
    this.#present.set(name, { certificate, jid, version: presence.version, since: this.#member.clock.now() });
    this.#enrolled.set(name, certificate);
  }

  /** The server says that the session is gone; a newer session of the same node is not touched by that. */
  gone(jid: FullJid): void {
    for (const [name, executor] of this.#present) {
      if (executor.jid !== jid) continue;
      this.#present.delete(name);
      this.#member.log.info({ executor: name }, 'gone');
    }
  }

  /** Who is present is not known any more: whoever is will say so again. */
  forgetPresence(): void {
    this.#present.clear();
    this.#generation += 1;
  }

  /** Raised whenever presence is forgotten: what was said before does not count after. */
  get generation(): number {
    return this.#generation;
  }

  present(name: string): PresentExecutor | undefined {
    return this.#present.get(name);
  }

  get presentCount(): number {
    return this.#present.size;
  }

  /** Names of all task executors of the domain, sorted. The directory is asked at most every ten seconds, or when one
   *  of `wanted` is unknown. */
  async executors(wanted: readonly string[] = []): Promise<readonly string[]> {
    const stale = this.#member.clock.monotonic() - this.#refreshedAt > REFRESH_MS;
    if (stale || wanted.some((name) => !this.#enrolled.has(name))) await this.#refresh();
    return [...this.#enrolled.keys()].sort();
  }

  async list(): Promise<readonly NodeInfo[]> {
    const names = await this.executors();
    const executors = names.map((name): NodeInfo => {
      const here = this.#present.get(name);
      const address = this.#enrolled.get(name)!.addresses[0]!;
      if (!here) return { name, role: 'te', address, present: false };
      return { name, role: 'te', address, present: true, version: here.version, since: here.since / 1000 };
    });
    return [{ ...this.#own, present: true }, ...executors];
  }

  /** Without the directory the last list serves: a command must not fail because LDAP is away for a moment. */
  async #refresh(): Promise<void> {
    try {
      const found = await this.#member.directory.byRole('te');
      this.#enrolled = new Map(found.map((certificate) => [certificate.name, certificate]));
      this.#refreshedAt = this.#member.clock.monotonic();
    } catch (thrown) {
      if (this.#enrolled.size === 0) throw thrown;
      const { code, detail } = this.#member.errorOf(thrown);
      this.#member.log.warn(
        { code, detail },
        'the directory cannot be asked; going on with the last list of nodes',
      );
    }
  }
}
