/** Three managers, two task executors and one that never comes, one requester, and the servers between them. */
import { Mom4cError } from '@mom4c/core';
import type { Epoch, Uuid } from '@mom4c/core';
import { Executor } from './executor.ts';
import type { ExecutorDisk } from './executor.ts';
import { JournalState } from './journal.ts';
import type { JournalFile } from './journal.ts';
import { Manager } from './manager.ts';
import { Wire, XmppServer } from './network.ts';
import { LeaseService, LogService } from './services.ts';
import type { Answer, Order, Request, Statement, Surroundings } from './surroundings.ts';
import { Witness } from './witness.ts';
import { Machine, Process } from './world.ts';
import type { World } from './world.ts';

type Site<Program, Disk> = { readonly machine: Machine; disk: Disk; program: Program | undefined };
export type ManagerSite = Site<Manager, JournalFile>;
export type ExecutorSite = Site<Executor, ExecutorDisk>;

const ASK_AGAIN_MS = 1_000;

export class Scene implements Surroundings {
  readonly world: World;
  readonly wire: Wire;
  readonly lease: LeaseService;
  readonly log: LogService;
  readonly server: XmppServer;
  readonly witness: Witness;
  readonly managers: readonly ManagerSite[];
  readonly executors: readonly ExecutorSite[];
  /** Enrolled, and never there. */
  readonly absent: ExecutorSite;
  generation = 1;
  /** A manager begins a term. */
  onTerm = (_process: Process): void => {};

  constructor(world: World) {
    this.world = world;
    this.wire = new Wire(world);
    this.witness = new Witness(world);
    this.lease = new LeaseService(this.wire);
    this.lease.onAcknowledged = (process, record, begun) => this.witness.acknowledged(process, record, begun);
    this.log = new LogService(this.wire);
    this.log.onRecord = (record) => this.witness.recorded(record);
    const site = <Disk>(name: string, disk: Disk) => ({
      machine: new Machine(world, name),
      disk,
      program: undefined,
    });
    this.managers = ['cm1', 'cm2', 'cm3'].map((name) => site(name, emptyFile()));
    this.executors = ['te1', 'te2', 'te3'].map((name) =>
      site(name, { latest: 0, epochs: new Map(), commands: new Map() }),
    );
    this.absent = this.executors.at(-1)!;
    this.server = new XmppServer(
      this.wire,
      this.managers.map(({ machine }) => machine),
    );
    this.server.onGone = (at, name) => {
      world.say(at.name, `hears that ${name} is gone`);
      this.#managerAt(at)?.candidate.holderGone(name);
    };
    this.server.onClaimed = (at) => this.#managerAt(at)?.term?.claimed();
    this.server.onConflict = (at) =>
      void this.#managerAt(at)
        ?.candidate.resign()
        .catch(() => {});
  }

  startManager(site: ManagerSite): void {
    const process = new Process(site.machine);
    this.world.say(process.name, 'starts');
    site.program = new Manager(process, this, site.disk);
  }

  startExecutor(site: ExecutorSite): void {
    const process = new Process(site.machine);
    this.world.say(process.name, 'starts');
    site.program = new Executor(process, this, site.disk);
    process.clock.after(this.world.between(50, 500), () => this.arrived(process));
  }

  /** A request, again and again until it is accepted. */
  request(request: Request, until: number): void {
    const { world, wire, server, witness } = this;
    if (witness.accepted.has(request.id) || world.time > until) return;
    wire.letter(
      undefined,
      () => server.active,
      (process) => void this.#ask(process, request),
    );
    world.after(ASK_AGAIN_MS, () => this.request(request, until));
  }

  async #ask(process: Process, request: Request): Promise<void> {
    const { world, witness } = this;
    const term = this.#managerAt(process)?.term;
    try {
      const answer = await term?.request(request);
      if (!term || answer === undefined || !process.alive) return;
      world.say(process.name, `accepted ${request.id}`);
      witness.accepts(process, request.id, term.epoch);
    } catch (thrown) {
      if (!(thrown instanceof Mom4cError)) throw thrown;
      world.say(process.name, `does not take ${request.id}: ${thrown.code}`);
      witness.turnedAway(request.id, thrown);
    }
  }

  reported(process: Process, id: Uuid, outcome: string): void {
    this.world.say(process.name, `reports ${id}: ${outcome}`);
    this.witness.outcome(id, outcome);
  }

  toExecutor(from: Process, target: string, order: Order, notTaken: (error: Mom4cError) => void): void {
    this.witness.commands(from, order.epoch);
    const site = this.executors.find(({ machine }) => machine.name === target)!;
    this.world.say(from.name, `sends ${order.kind} ${order.id} to ${target}`);
    // However often the answer comes, it is one.
    const refused = Promise.withResolvers<Mom4cError>();
    void refused.promise.then(notTaken);
    let answer: 'taken' | 'refused' | undefined;
    const arrive = (process: Process): void => {
      // No server hands over again what was answered by an error.
      if (answer === 'refused') return;
      const refusal = site.program!.obey(order, from.machine.name);
      // Of a letter that came twice the first answer counts.
      if (refusal && answer === undefined)
        this.#notTaken(process, from, order.id, () => refused.resolve(refusal));
      answer ??= refusal ? 'refused' : 'taken';
    };
    this.wire.letter(from, () => site.machine.process, arrive);
  }

  state(from: Process, epoch: Epoch): void {
    this.witness.commands(from, epoch);
    const { name } = from.machine;
    const statement: Statement = { kind: 'statement', epoch };
    for (const site of this.executors)
      this.wire.letter(
        from,
        () => site.machine.process,
        () => site.program!.hear(statement),
      );
    const standbys = this.managers.map(({ machine }) => machine.name).filter((one) => one !== name);
    for (const site of this.managers)
      if (site.machine !== from.machine)
        this.wire.letter(
          from,
          () => site.machine.process,
          () => site.program!.statement(standbys),
        );
  }

  arrived(from: Process): void {
    this.#toActive(from, (manager) => manager.term?.arrived(from.machine.name));
  }

  result(from: Process, id: Uuid, known: Omit<Answer, 'target'>): void {
    const answer = { ...known, target: from.machine.name };
    this.#toActive(from, (manager) => manager.term?.result(id, answer));
  }

  #notTaken(target: Process, manager: Process, id: Uuid, arrive: () => void): void {
    this.witness.notTaken(target, id);
    this.wire.letter(target, () => manager, arrive);
  }

  #toActive(from: Process, arrive: (manager: Manager) => void): void {
    this.wire.letter(
      from,
      () => this.server.active,
      (process) => {
        const manager = this.#managerAt(process);
        if (manager) arrive(manager);
      },
    );
  }

  #managerAt(process: Process): Manager | undefined {
    return this.managers.find(({ program }) => program?.process === process)?.program;
  }
}

export function emptyFile(): JournalFile {
  return { state: new JournalState(), drafts: new Map() };
}
