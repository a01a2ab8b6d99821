/**
 * Who belongs to the cluster, and who is here. Enrolled is what the directory says; present is whoever has announced
 * itself, signed, at the service address, until the XMPP server says that this session is gone. What a node last said
 * under its signature is kept beyond its presence: its labels choose it as a target even while it is away.
 */
import { bareJid, labelsMatch } from '@mom4c/core';
import type {
  Certificate,
  FullJid,
  LabelTerm,
  Labels,
  NodeInfo,
  NodeRegistry,
  SignedKind,
} from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { PayloadOf, Received } from '@mom4c/messaging';
import { LEADERSHIP_REPEAT_MS } from './leadership.ts';
import type { LastWord, RosterMemory } from './roster-memory.ts';

export type PresentExecutor = {
  readonly certificate: Certificate;
  readonly jid: FullJid;
  readonly version: string;
  /** Unix milliseconds. */
  readonly since: number;
  /** When its program started, as it says itself; likewise. */
  readonly started: number;
  /** Of a node that may become a manager. */
  readonly manager: PayloadOf<'presence'>['manager'];
};

export type EligibleExecutor = Pick<PresentExecutor, 'started'> & {
  readonly name: string;
  readonly manager: NonNullable<PresentExecutor['manager']>;
};

/** A list of the enrolled that is older is asked for anew; who asks waits for it only if it is older than `WAIT_MS`. */
const REFRESH_MS = 10_000;
const WAIT_MS = 20_000;
/** Every leadership statement makes whoever is present say so anew; who misses two in a row is silent. */
const SILENT_AFTER_MS = 2 * LEADERSHIP_REPEAT_MS + 60_000;
const NO_LABELS: Labels = {};

/** Gets to know of signs of life, and says who is lost. */
export type RosterWatch = {
  arrived(name: string): void;
  heard(name: string): void;
  gone(name: string, leaving: boolean): void;
  /** Unix milliseconds; undefined: it is not. */
  lostSince(name: string): number | undefined;
};
const NO_WATCH: RosterWatch = { arrived() {}, heard() {}, gone() {}, lostSince: () => undefined };

type RosterMember = Pick<Member, 'directory' | 'clock' | 'log' | 'errorOf'>;

export class Roster implements NodeRegistry {
  readonly #member: RosterMember;
  readonly #own: Omit<NodeInfo, 'present'>;
  readonly #memory: RosterMemory;
  readonly #watch: RosterWatch;
  readonly #present = new Map<string, PresentExecutor>();
  /** Sessions that the server vouches for, and that have not announced themselves in a way that can be believed. */
  readonly #unsigned = new Map<string, FullJid>();
  /** When each was last heard, on the monotonic clock; and who has missed the deadline of a command since. */
  readonly #heardAt = new Map<string, number>();
  readonly #missed = new Set<string>();
  #generation = 0;
  #enrolled = new Map<string, Certificate>();
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(
    member: RosterMember,
    own: Omit<NodeInfo, 'present'>,
    memory: RosterMemory,
    watch: RosterWatch = NO_WATCH,
  ) {
    this.#member = member;
    this.#own = own;
    this.#memory = memory;
    this.#watch = watch;
  }

  /** @returns has it come in a session that was not known? */
  announced({ payload, signer }: Received<'presence'>, jid: FullJid): boolean {
    const { name } = signer;
    const { version, started, manager } = payload;
    const before = this.#present.get(name);
    if (before?.jid !== jid) this.#member.log.info({ executor: name, version }, 'present');
    const since = before?.jid === jid ? before.since : this.#member.clock.now();
    this.#present.set(name, { certificate: signer, jid, version, since, started, manager });
    this.#unsigned.delete(name);
    this.#enrolled.set(name, signer);
    this.#watch.arrived(name);
    this.heard({ payload, signer });
    return before?.jid !== jid;
  }

  /** Something of a node whose signature has been verified. */
  heard({ payload, signer }: Pick<Received<SignedKind>, 'payload' | 'signer'>): void {
    const { name } = signer;
    this.#heardAt.set(name, this.#member.clock.monotonic());
    this.#missed.delete(name);
    this.#watch.heard(name);
    this.#memory.keep(name, wordOf(payload, this.#memory.of(name)));
  }

  /** A session is there and says so, but not in a way that can be believed. */
  unsigned(jid: FullJid): void {
    const name = [...this.#enrolled].find(([, one]) => one.addresses.includes(bareJid(jid)))?.[0];
    if (name !== undefined && !this.#present.has(name)) this.#unsigned.set(name, jid);
  }

  /** It was there, had a command, and gave no answer. */
  missed(name: string): void {
    if (this.#present.has(name)) this.#missed.add(name);
  }

  /** The server says that the session is gone; a newer session of the same node is not touched by that.
   *  @param leaving it has said so itself */
  gone(jid: FullJid, leaving = false): void {
    for (const [name, unsigned] of this.#unsigned) if (unsigned === jid) this.#unsigned.delete(name);
    for (const [name, executor] of this.#present) {
      if (executor.jid !== jid) continue;
      this.#present.delete(name);
      this.#missed.delete(name);
      this.#member.log.info({ executor: name, leaving }, 'gone');
      this.#watch.gone(name, leaving);
    }
  }

  /** Who is present is not known any more: whoever is will say so again. */
  forgetPresence(): void {
    this.#present.clear();
    this.#unsigned.clear();
    this.#missed.clear();
    this.#generation += 1;
  }

  /** Raised whenever presence is forgotten: what was said before does not count after. */
  get generation(): number {
    return this.#generation;
  }

  present(name: string): PresentExecutor | undefined {
    return this.#present.get(name);
  }

  /** Those present that may become managers. */
  eligible(): EligibleExecutor[] {
    return [...this.#present].flatMap(([name, { started, manager }]) =>
      manager ? [{ name, started, manager }] : [],
    );
  }

  /** Of all that the directory has shown. */
  get certificates(): readonly Certificate[] {
    return [...this.#enrolled.values()];
  }

  get presentCount(): number {
    return this.#present.size;
  }

  /** Names of all task executors of the domain, sorted. While commands come in, the directory is asked ahead, every ten
   *  seconds; it is waited for when one of `wanted` is unknown, and after a pause. */
  async executors(wanted: readonly string[] = []): Promise<readonly string[]> {
    const age = this.#member.clock.monotonic() - this.#refreshedAt;
    if (age > WAIT_MS || wanted.some((name) => !this.#enrolled.has(name))) await this.#refresh();
    // What goes wrong is thrown at whoever has to wait.
    else if (age > REFRESH_MS) this.#refresh().catch(() => {});
    return [...this.#enrolled.keys()].sort();
  }

  /** As the node last announced them, whether it is present or not; none if it never has. */
  labels(name: string): Labels {
    return this.#memory.of(name)?.labels ?? NO_LABELS;
  }

  async list(having: readonly LabelTerm[] = []): Promise<readonly NodeInfo[]> {
    const names = await this.executors();
    const nodes = [{ ...this.#own, present: true }, ...names.map((name) => this.#infoOf(name))];
    return nodes.filter(({ labels }) => labelsMatch(labels ?? NO_LABELS, having));
  }

  #infoOf(name: string): NodeInfo {
    const word = this.#memory.of(name);
    const here = this.#present.get(name);
    const lost = this.#watch.lostSince(name);
    return {
      name,
      role: 'te',
      address: this.#enrolled.get(name)!.addresses[0]!,
      present: here !== undefined,
      ...(this.#isSilent(name) && { silent: true }),
      ...(lost !== undefined && { lost: lost / 1000 }),
      ...(word && { version: word.version, labels: word.labels }),
      ...(here && { since: here.since / 1000 }),
      ...(here?.manager && {
        manager: { name: here.manager.name, role: here.manager.role, state: here.manager.state },
      }),
      ...(word && { signed: { kind: word.kind, time: word.time / 1000 } }),
    };
  }

  #isSilent(name: string): boolean {
    if (!this.#present.has(name)) return this.#unsigned.has(name);
    const heardAt = this.#heardAt.get(name) ?? Number.NEGATIVE_INFINITY;
    return this.#missed.has(name) || this.#member.clock.monotonic() - heardAt > SILENT_AFTER_MS;
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#ask().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** Without the directory the last list serves: a command must not fail because LDAP is away for a moment. */
  async #ask(): Promise<void> {
    try {
      const found = await this.#member.directory.byRole('te');
      this.#enrolled = new Map(found.map((certificate) => [certificate.name, certificate]));
      this.#refreshedAt = this.#member.clock.monotonic();
      this.#memory.forgetOthersThan(this.#enrolled);
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

/** A result says neither version nor labels: these stay as they were announced. */
function wordOf(payload: PayloadOf<SignedKind>, before: LastWord | undefined): LastWord {
  const { type: kind, time } = payload;
  const version = payload.type === 'result' ? before?.version : payload.version;
  const labels = payload.type === 'presence' ? payload.labels : before?.labels;
  return { kind, time, version, labels };
}
