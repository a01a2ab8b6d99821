/** What goes wrong, and how it is mended. */
import { emptyFile } from './scene.ts';
import type { ExecutorSite, ManagerSite, Scene } from './scene.ts';
import type { Machine } from './world.ts';

type Site = ManagerSite | ExecutorSite;
/** To one of these, chosen anew each time. */
type Kind = (manager: ManagerSite, executor: ExecutorSite) => void;

/** After the last fault. */
const CLOCKS_RIGHT_MS = 20_000;

export class Faults {
  readonly #scene: Scene;
  /** Of this run: all, or some, which then meet the more often. */
  readonly #kinds: readonly Kind[];
  readonly #mostApartMs: number;
  /** For whoever begins a term next. */
  #ambush: ((manager: ManagerSite) => void) | undefined;
  #over = false;

  constructor(scene: Scene) {
    this.#scene = scene;
    const { world } = scene;
    scene.onTerm = ({ machine }) => this.#onTerm(machine);
    const share = world.random.pick([0.5, 1]);
    const some = this.#all().filter(() => world.chance(share));
    this.#kinds = some.length > 0 ? some : this.#all();
    this.#mostApartMs = world.random.pick([2_000, 4_000, 4_000, 8_000]);
  }

  /** One after the other until then; they may overlap. */
  begin(until: number): void {
    const { world } = this.#scene;
    world.after(world.between(100, this.#mostApartMs), () => {
      if (world.time >= until) return;
      this.#one();
      this.begin(until);
    });
  }

  /** Everything works again, and everybody runs. */
  end(): void {
    this.#over = true;
    const { wire, managers, executors, world } = this.#scene;
    world.say('', 'the faults are over');
    Object.assign(wire.network, { loss: 0, duplication: 0, delay: 5, quorum: true });
    for (const site of [...managers, ...executors]) {
      if (site === this.#scene.absent) continue;
      this.#heal(site, 'xmpp');
      this.#heal(site, 'bus');
      site.machine.process?.resume();
      if (!site.machine.process) this.#start(site);
    }
    // Who takes over before that may have a wrong clock.
    world.after(CLOCKS_RIGHT_MS, () => {
      for (const { machine } of managers) machine.setWallRight();
    });
  }

  #one(): void {
    const { world, managers, executors } = this.#scene;
    const leading = managers.find(({ program }) => program?.candidate.holding);
    const manager = leading && world.chance(0.6) ? leading : world.random.pick(managers);
    const executor = world.random.pick(executors.filter((site) => site !== this.#scene.absent));
    world.random.pick(this.#kinds)(manager, executor);
  }

  #all(): readonly Kind[] {
    const { world } = this.#scene;
    return [
      (manager) => this.#crash(manager, world.between(50, 15_000)),
      (manager) => this.#crash(manager, world.between(50, 15_000)),
      (manager) => this.#pause(manager, world.between(100, 20_000), world.chance(0.4)),
      (manager) => this.#cut(manager, 'xmpp', world.between(100, 20_000)),
      (manager) => this.#cut(manager, 'bus', world.between(100, 20_000)),
      (_, executor) => this.#crash(executor, world.between(50, 5_000)),
      (_, executor) => this.#crash(executor, world.between(50, 1_000)),
      (_, executor) => this.#crash(executor, world.between(50, 1_000)),
      (_, executor) => this.#pause(executor, world.between(100, 10_000), false),
      (_, executor) => this.#cut(executor, 'xmpp', world.between(100, 10_000)),
      () => this.#noQuorum(world.between(100, 15_000)),
      () => this.#bad(world.between(1_000, 15_000)),
      () => this.#bad(world.between(1_000, 15_000)),
      (manager) => this.#jump(manager),
      (manager) => this.#handOver(manager),
      () => this.#newGeneration(),
      () => this.#lastWritesLost(),
      () => this.#lieInWait(),
      () => this.#lieInWait(),
    ];
  }

  /** For whoever takes over next, between the lease and what follows: the address claimed, `lead` in the log. */
  #lieInWait(): void {
    const { world } = this.#scene;
    this.#ambush = world.random.pick<(manager: ManagerSite) => void>([
      (manager) => this.#crash(manager, world.between(50, 5_000)),
      (manager) => this.#pause(manager, world.between(100, 20_000), world.chance(0.4)),
      (manager) => this.#cut(manager, 'xmpp', world.between(100, 10_000)),
      (manager) => this.#cut(manager, 'bus', world.between(100, 10_000)),
      () => this.#noQuorum(world.between(100, 10_000)),
      () => this.#newGeneration(),
    ]);
  }

  #onTerm(machine: Machine): void {
    const { world, managers } = this.#scene;
    const ambush = this.#ambush;
    this.#ambush = undefined;
    if (!ambush || this.#over) return;
    world.after(world.between(0, world.random.pick([5, 50])), () => {
      if (!this.#over) ambush(managers.find((site) => site.machine === machine)!);
    });
  }

  #start(site: Site): void {
    if (site.machine.process) return;
    const { managers } = this.#scene;
    if (managers.includes(site as ManagerSite)) this.#scene.startManager(site as ManagerSite);
    else this.#scene.startExecutor(site as ExecutorSite);
  }

  #crash(site: Site, ms: number): void {
    const { world, server, managers } = this.#scene;
    const { process } = site.machine;
    if (!process) return;
    const isManager = managers.includes(site as ManagerSite);
    const diskLost = isManager && world.chance(0.15);
    world.say(process.name, diskLost ? 'dies, and its disk with it' : 'dies');
    process.die();
    site.program = undefined;
    if (diskLost) site.disk = emptyFile();
    // The end of its connection is seen soon, unless nobody says it.
    if (isManager) world.after(world.chance(0.8) ? world.between(1, 50) : 8_000, () => server.left(process));
    world.after(ms, () => this.#start(site));
  }

  #pause(site: Site, ms: number, suspended: boolean): void {
    const { world, server, managers } = this.#scene;
    const { process } = site.machine;
    if (!process) return;
    world.say(process.name, suspended ? 'is suspended' : 'is stopped');
    process.stop();
    const begun = world.time;
    if (suspended) site.machine.suspend();
    const silent = world.after(world.between(5_000, 10_000), () => {
      if (managers.includes(site as ManagerSite)) server.left(process);
    });
    world.after(ms, () => {
      silent();
      world.say(process.name, `goes on after ${(world.time - begun).toFixed(0)} ms`);
      if (suspended) site.machine.resume();
      process.resume();
      this.#reconnect(site);
    });
  }

  #cut(site: Site, link: 'xmpp' | 'bus', ms: number): void {
    const { world, server } = this.#scene;
    if (!site.machine.links[link]) return;
    world.say(site.machine.name, `has lost its link to ${link}`);
    site.machine.links[link] = false;
    const { process } = site.machine;
    world.after(world.between(500, 10_000), () => {
      if (link === 'xmpp' && process && !site.machine.links.xmpp) server.left(process);
    });
    world.after(world.between(500, 5_000), () => {
      if (!site.machine.links[link] && process) process.deliver(() => this.#noticed(site, link, false));
    });
    world.after(ms, () => this.#heal(site, link));
  }

  #heal(site: Site, link: 'xmpp' | 'bus'): void {
    if (site.machine.links[link]) return;
    this.#scene.world.say(site.machine.name, `reaches ${link} again`);
    site.machine.links[link] = true;
    this.#reconnect(site);
  }

  #reconnect(site: Site): void {
    const { world } = this.#scene;
    const { process } = site.machine;
    if (!process) return;
    world.after(world.between(10, 500), () =>
      process.deliver(() => {
        for (const link of ['xmpp', 'bus'] as const)
          if (site.machine.links[link]) this.#noticed(site, link, true);
      }),
    );
  }

  #noticed(site: Site, link: 'xmpp' | 'bus', connected: boolean): void {
    const { lease, managers } = this.#scene;
    if (!managers.includes(site as ManagerSite)) {
      const { program } = site as ExecutorSite;
      if (connected && program) this.#scene.arrived(program.process);
      return;
    }
    const { program } = site as ManagerSite;
    if (!program) return;
    program.noticed(link, connected);
    if (link !== 'bus' || !connected) return;
    lease.reconnected(program.process);
    program.journal.advance();
  }

  #noQuorum(ms: number): void {
    const { world, wire } = this.#scene;
    world.say('bus', 'has no majority');
    wire.network.quorum = false;
    world.after(ms, () => {
      world.say('bus', 'has a majority');
      wire.network.quorum = true;
    });
  }

  #bad(ms: number): void {
    const { world, wire } = this.#scene;
    world.say('wire', 'loses, repeats and delays');
    Object.assign(wire.network, {
      loss: world.between(0, 0.4),
      duplication: world.between(0, 0.3),
      delay: world.between(5, 800),
    });
    world.after(ms, () => Object.assign(wire.network, { loss: 0, duplication: 0, delay: 5 }));
  }

  /** Within what letters may differ by, about as much, or by far. */
  #jump({ machine }: ManagerSite): void {
    const { world } = this.#scene;
    const most = world.chance(0.1) ? 3_600_000 : world.chance(0.5) ? 4_000 : 20_000;
    const ms = world.between(-most, most);
    world.say(machine.name, `has its clock set by ${(ms / 1000).toFixed(1)} s`);
    machine.jumpWall(ms);
  }

  #handOver({ program, machine }: ManagerSite): void {
    const { world, managers } = this.#scene;
    if (!program) return;
    const to = world.random.pick(managers.filter((other) => other.machine !== machine)).machine.name;
    world.say(program.process.name, `is to hand over to ${to}`);
    program.process.deliver(() => void program.candidate.handOver(to).catch(() => {}));
  }

  /** A server of the bucket leads that has not got all that another one had. */
  #lastWritesLost(): void {
    const { world, lease } = this.#scene;
    const writes = 1 + world.random.below(4);
    if (lease.fallBack(writes)) world.say('lease', `has lost its last ${writes} writes`);
  }

  /** The authority raises it; for the bucket was lost, or so it believes. */
  #newGeneration(): void {
    const { world, lease, managers } = this.#scene;
    if (this.#over) return;
    const isLost = world.chance(0.5);
    world.say('', isLost ? 'the lease is lost' : 'the generation is raised');
    if (isLost) lease.makeAnew();
    this.#scene.generation += 1;
    const { generation } = this.#scene;
    for (const { machine } of managers) {
      const { process } = machine;
      if (process)
        world.after(world.between(10, world.random.pick([100, 4_000, 20_000])), () =>
          process.deliver(() => managers.find((site) => site.machine === machine)?.program?.told(generation)),
        );
    }
  }
}
