/** Between the machines: the XMPP server, which passes letters on, and calls of the services on the bus. */
import { Mom4cError } from '@mom4c/core';
import type { Machine, Process, World } from './world.ts';

/** How long a caller on the bus waits. */
const CALL_LIMIT_MS = 5_000;

export type Network = {
  /** Of a letter, and of the answer of a service. */
  loss: number;
  duplication: number;
  /** At most so many milliseconds, one way. */
  delay: number;
  /** The servers of the bus have a majority. */
  quorum: boolean;
};

export class Wire {
  readonly world: World;
  readonly network: Network = { loss: 0, duplication: 0, delay: 5, quorum: true };

  constructor(world: World) {
    this.world = world;
  }

  delay(): number {
    const { world, network } = this;
    return world.between(0.2, network.delay) * (world.chance(0.05) ? 20 : 1);
  }

  /** By the XMPP server; late, twice, overtaken by others, or not at all. */
  letter(from: Process | undefined, to: () => Process | undefined, arrive: (process: Process) => void): void {
    const { world, network } = this;
    if (from && !from.machine.links.xmpp) return;
    const copies = world.chance(network.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (world.chance(network.loss)) continue;
      world.after(this.delay(), () => {
        const process = to();
        if (!process?.machine.links.xmpp) return;
        world.after(this.delay(), () => {
          if (process.machine.links.xmpp) process.deliver(() => arrive(process));
        });
      });
    }
  }

  /** By the XMPP server on a connection of its own: late, but lost only with the connection. */
  tell(process: Process, arrive: () => void): void {
    this.world.after(this.delay(), () => {
      if (process.machine.links.xmpp) process.deliver(arrive);
    });
  }

  /** Of a service on the bus. What throws may have been done. */
  call<Value>(caller: Process, work: () => Value): Promise<Value> {
    const { world, network } = this;
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const refuse = (code: 'M4C_NO_QUORUM' | 'M4C_BUS_UNREACHABLE') => () => reject(new Mom4cError(code));
    const cancel = caller.clock.after(CALL_LIMIT_MS, refuse('M4C_BUS_UNREACHABLE'));
    const back = (settle: () => void): void => {
      if (world.chance(network.loss)) return;
      world.after(this.delay(), () => {
        if (!caller.machine.links.bus) return;
        caller.deliver(() => {
          cancel();
          settle();
        });
      });
    };
    if (caller.machine.links.bus)
      world.after(this.delay(), () => {
        if (!caller.machine.links.bus) return;
        if (!network.quorum) return back(refuse('M4C_NO_QUORUM'));
        const value = work();
        back(() => resolve(value));
      });
    return promise;
  }
}

/** Who of the managers is shown in the room, and who has the service address. */
export class XmppServer {
  readonly #wire: Wire;
  readonly #managers: readonly Machine[];
  readonly #present = new Map<Machine, Process>();
  readonly #claims = new Map<Process, object>();
  active: Process | undefined;
  /** Called at a process. */
  onGone = (_at: Process, _name: string): void => {};
  onClaimed = (_at: Process): void => {};
  onConflict = (_at: Process): void => {};

  constructor(wire: Wire, managers: readonly Machine[]) {
    this.#wire = wire;
    this.#managers = managers;
  }

  has(name: string): boolean {
    return [...this.#present.keys()].some((machine) => machine.name === name);
  }

  /** A session of the same address takes the place of the old one. */
  entered(process: Process): void {
    this.#present.set(process.machine, process);
  }

  left(process: Process): void {
    if (this.active === process) this.active = undefined;
    if (this.#present.get(process.machine) !== process) return;
    this.#present.delete(process.machine);
    for (const machine of this.#managers) {
      const { process: other } = machine;
      if (other && other !== process)
        this.#wire.letter(
          undefined,
          () => (machine.process === other ? other : undefined),
          () => this.onGone(other, process.machine.name),
        );
    }
  }

  /** On a connection that is logged in ahead, or on one that is made now; a claim counts when it comes, also if who made it has
   *  died since and the server does not know yet. */
  claim(process: Process): void {
    const { world } = this.#wire;
    const claim = {};
    this.#claims.set(process, claim);
    const way = this.#wire.delay() + (world.chance(0.7) ? 0 : world.between(20, 1_000));
    world.after(way, () => {
      if (this.#claims.get(process) !== claim) return;
      this.#claims.delete(process);
      if (process.machine.links.xmpp && this.#present.get(process.machine) === process) this.#give(process);
    });
  }

  #give(process: Process): void {
    const before = this.active;
    this.active = process;
    this.#wire.world.say(process.name, 'has the service address');
    this.#wire.tell(process, () => {
      if (this.active === process) this.onClaimed(process);
    });
    if (before && before !== process) this.#wire.tell(before, () => this.onConflict(before));
  }

  /** It asks for nothing more under the service address. */
  release(process: Process): void {
    this.#claims.delete(process);
    if (process.machine.links.xmpp && this.active === process) this.active = undefined;
  }
}
