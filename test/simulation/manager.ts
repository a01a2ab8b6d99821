/** A cluster manager: the product's candidate, beginning of a term and pending commands, and by the product's rules the desk
 *  between them. */
import { Candidate } from '@mom4c/cluster';
import { Mom4cError, silentLog } from '@mom4c/core';
import type { Epoch, JournalEntry, Uuid } from '@mom4c/core';
import { askTheNext } from '../../apps/cluster-manager/src/ask-the-next.ts';
import { Beginning } from '../../apps/cluster-manager/src/beginning.ts';
import { Deliveries } from '../../apps/cluster-manager/src/deliveries.ts';
import { PendingCommand } from '../../apps/cluster-manager/src/pending-command.ts';
import { INQUIRY_MS, timeLeft } from '../../apps/cluster-manager/src/time-left.ts';
import { SimulatedJournal, text } from './journal.ts';
import type { JournalFile } from './journal.ts';
import type { Answer, Request, Surroundings } from './surroundings.ts';
import type { Process } from './world.ts';

type Work = { entry: JournalEntry; pending: PendingCommand; deliveries: Deliveries; late: boolean };

const STATEMENT_MS = 5_000;

export class Manager {
  readonly process: Process;
  readonly candidate: Candidate;
  readonly journal: SimulatedJournal;
  readonly #scene: Surroundings;
  /** Its links, as far as it has noticed. */
  readonly #connected = { xmpp: false, bus: true };
  #generation: number;
  #term: Term | undefined;

  constructor(process: Process, scene: Surroundings, file: JournalFile) {
    this.process = process;
    this.#scene = scene;
    this.#generation = scene.generation;
    this.journal = new SimulatedJournal(process, scene.log, file);
    this.journal.onFollowed = () => this.#consider();
    this.journal.onAdopted = (entry) => this.#term?.adopt(entry);
    this.candidate = new Candidate({
      name: process.machine.name,
      instance: process.name,
      store: scene.lease.portOf(process),
      clock: process.clock,
      log: silentLog,
      generation: () => this.#generation,
      opened: () => file.state.led,
    });
    this.candidate.onChange((state) => {
      this.#term?.close();
      this.#term = undefined;
      if (state.holding) {
        scene.world.say(process.name, `holds ${text(state.epoch)}`);
        scene.witness.acquired(process, state.epoch);
        this.#term = new Term(this, scene, state.epoch);
        scene.onTerm(process);
      } else scene.world.say(process.name, `does not hold: ${state.reason}`);
    });
    this.candidate.start();
    process.clock.after(scene.world.between(100, 1000), () => this.noticed('xmpp', true));
  }

  get term(): Term | undefined {
    return this.#term;
  }

  noticed(link: 'xmpp' | 'bus', connected: boolean): void {
    this.#connected[link] = connected;
    if (link === 'xmpp' && connected) {
      this.#scene.server.entered(this.process);
      this.#term?.claim();
    }
    this.#consider();
  }

  /** By a statement of the authority; an older one may come later. */
  told(generation: number): void {
    this.#generation = Math.max(this.#generation, generation);
  }

  statement(standbys: readonly string[]): void {
    this.candidate.setStandbys(standbys);
    this.#consider();
  }

  #consider(): void {
    const { xmpp, bus } = this.#connected;
    const connected = xmpp && bus;
    const ready = connected && (this.#term !== undefined || this.journal.lag === 0);
    this.candidate.setEligible(ready);
    const holder = this.candidate.lease?.holder;
    if (!ready || holder === undefined || this.candidate.holding) return;
    // Gone before we came, or our own session of an earlier run.
    if (holder === this.process.machine.name || !this.#scene.server.has(holder))
      this.candidate.holderGone(holder);
  }
}

export class Term {
  readonly epoch: Epoch;
  readonly #manager: Manager;
  readonly #scene: Surroundings;
  readonly #works = new Map<Uuid, Work>();
  readonly #ended = new AbortController();
  readonly #beginning: Beginning;
  #begun = false;
  #claimed = false;

  constructor(manager: Manager, scene: Surroundings, epoch: Epoch) {
    this.#manager = manager;
    this.#scene = scene;
    this.epoch = epoch;
    const { process, journal } = manager;
    const { world } = scene;
    this.#beginning = new Beginning({
      ...{ epoch, journal, clock: process.clock, ended: this.#ended.signal },
      random: { bytes: (count) => world.random.octets(count) },
      adopt: async () => this.#adopt(),
      onFailed(thrown) {
        if (!(thrown instanceof Mom4cError)) throw thrown;
        world.say(process.name, `cannot lead under ${text(epoch)}: ${thrown.code}`);
      },
    });
    this.claim();
  }

  /** Takes requests, and answers them. */
  get open(): boolean {
    return this.#begun && this.#claimed && !this.#closed;
  }

  /** Whatever the journal says meanwhile. */
  claim(): void {
    this.#scene.server.claim(this.#manager.process);
  }

  /** Answers reach it from now on; those to what was sent before did not. */
  claimed(): void {
    if (this.#closed || this.#claimed) return;
    this.#claimed = true;
    for (const work of this.#works.values())
      for (const target of work.entry.targets) if (work.pending.awaits(target)) this.#send(work, target);
  }

  get #closed(): boolean {
    return this.#ended.signal.aborted;
  }

  close(): void {
    this.#ended.abort(new Mom4cError('M4C_NO_MANAGER'));
    for (const { pending } of this.#works.values()) pending.abandon();
    this.#scene.server.release(this.#manager.process);
  }

  /** What comes before the term has begun waits. @throws Mom4cError */
  async request(request: Request): Promise<'accepted' | undefined> {
    if (!this.#holds()) return undefined;
    const { witness } = this.#scene;
    const waits = !this.#begun;
    try {
      await this.#beginning.wait();
    } catch (thrown) {
      witness.counts.turnedAway += 1;
      throw thrown;
    }
    if (waits) witness.counts.waited += 1;
    return this.#holds() ? this.#accept(request) : undefined;
  }

  async #accept(request: Request): Promise<'accepted' | undefined> {
    const { journal, process } = this.#manager;
    const { id, targets, timeout } = request;
    const known = journal.file.state.entries.get(id);
    if (known) {
      if (known.outcome !== undefined) this.#scene.reported(process, id, known.outcome);
      return 'accepted';
    }
    const acceptedAt = process.clock.now();
    const entry: JournalEntry = {
      id,
      command: request.once ? 'once' : 'again',
      requester: 'admin@alpha.test/cli',
      acceptedAt,
      deadline: acceptedAt + timeout,
      evidence: new Uint8Array(),
      targets,
    };
    try {
      if (!(await journal.accept(this.epoch, entry))) return undefined;
    } catch (thrown) {
      throw askTheNext(thrown);
    }
    if (this.#closed) return undefined;
    this.#carryOut(entry, false);
    return 'accepted';
  }

  adopt(entry: JournalEntry): void {
    if (this.#begun) this.#carryOut(entry, true);
  }

  result(id: Uuid, answer: Answer): void {
    if (!this.#closed) this.#works.get(id)?.pending.settle(answer);
  }

  /** A task executor has come (again): it gets what it is still to answer. */
  arrived(target: string): void {
    for (const work of this.#works.values()) if (work.pending.awaits(target)) this.#send(work, target);
  }

  #adopt(): void {
    const { journal, process } = this.#manager;
    this.#scene.world.say(process.name, `leads under ${text(this.epoch)}`);
    this.#begun = true;
    for (const entry of journal.unfinished()) this.#carryOut(entry, true);
    this.#state();
  }

  #carryOut(entry: JournalEntry, adopted: boolean): void {
    if (this.#closed || this.#works.has(entry.id)) return;
    const { clock } = this.#manager.process;
    const { late, remaining } = timeLeft(entry, clock.now());
    const pending = new PendingCommand(
      entry.id,
      entry.targets,
      remaining,
      clock,
      (outcomes) => void this.#report(entry, JSON.stringify(outcomes)),
    );
    const work = { entry, pending, deliveries: new Deliveries(adopted), late };
    this.#works.set(entry.id, work);
    for (const target of entry.targets) this.#send(work, target);
  }

  #send({ entry, pending, deliveries, late }: Work, target: string): void {
    if (!this.#holds()) return;
    const { process } = this.#manager;
    const time = process.clock.now();
    const order = {
      kind: late ? 'inquiry' : 'command',
      epoch: this.epoch,
      id: entry.id,
      once: entry.command === 'once',
      time,
      expires: late ? time + INQUIRY_MS : entry.deadline,
    } as const;
    deliveries.sent(target);
    this.#scene.toExecutor(process, target, order, (error) => {
      const outcome = deliveries.notTaken(target, error);
      if (outcome) pending.settle(outcome);
    });
  }

  async #report({ id }: JournalEntry, outcome: string): Promise<void> {
    const { journal, process } = this.#manager;
    try {
      await journal.finish(this.epoch, id, outcome);
    } catch {
      return;
    }
    this.#works.delete(id);
    this.#scene.reported(process, id, outcome);
  }

  /** Again and again, for whoever has just come. */
  #state(): void {
    if (this.#closed) return;
    const { process } = this.#manager;
    if (this.#holds()) this.#scene.state(process, this.epoch);
    process.clock.after(STATEMENT_MS, () => this.#state());
  }

  #holds(): boolean {
    return !this.#closed && this.#manager.candidate.holding;
  }
}
