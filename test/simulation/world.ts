/**
 * Virtual time and the processes that live in it. Everything that happens is an event; whatever is random comes from the
 * seed; between two events all promises that can settle do. So a seed is a run.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@mom4c/core';
import { seededRandom } from '../fuzz/seeded-random.ts';
import type { SeededRandom } from '../fuzz/seeded-random.ts';

type Event = { at: number; run: (() => void) | undefined };

export class World {
  readonly random: SeededRandom;
  readonly lines: string[] = [];
  /** True milliseconds: no process sees them. */
  time = 0;
  readonly #hash = createHash('sha256');
  readonly #queue: Event[] = [];

  constructor(seed: number) {
    this.random = seededRandom('simulation', seed);
  }

  say(who: string, what: string): void {
    const line = `${this.time.toFixed(1).padStart(9)} ${who.padEnd(6)} ${what}`;
    this.lines.push(line);
    this.#hash.update(line);
  }

  hash(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Evenly between the two. */
  between(from: number, to: number): number {
    return from + (this.random.below(1_000_000) / 1_000_000) * (to - from);
  }

  /** @param probability 0 to 1 */
  chance(probability: number): boolean {
    return this.random.below(1_000_000) < probability * 1_000_000;
  }

  after(ms: number, run: () => void): () => void {
    const event: Event = { at: this.time + Math.max(0, ms), run };
    let [low, high] = [0, this.#queue.length];
    // The next one stands last; of those of one time, whoever came first goes first.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#queue[middle]!.at > event.at) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, event);
    return () => {
      event.run = undefined;
    };
  }

  async run(until: number): Promise<void> {
    for (;;) {
      await settled();
      const event = this.#queue.at(-1);
      if (!event || event.at > until) break;
      this.#queue.pop();
      if (!event.run) continue;
      this.time = event.at;
      event.run();
    }
    this.time = until;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A computer: its clock, its links and its disk outlive the processes on it. */
export class Machine {
  readonly name: string;
  readonly world: World;
  readonly links = { xmpp: true, bus: true };
  /** Milliseconds of its clock in one true millisecond. */
  readonly rate: number;
  readonly #start: number;
  #suspended = 0;
  #stoodStillAt: number | undefined;
  readonly #rightWall: number;
  #wall: number;
  process: Process | undefined;
  /** Counts the processes. */
  starts = 0;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.rate = world.between(0.97, 1.03);
    this.#start = world.between(0, 1e6);
    this.#rightWall = Date.UTC(2026, 0, 1) + world.between(-200, 200);
    this.#wall = this.#rightWall;
  }

  monotonic(): number {
    return this.#start + (this.world.time - this.suspendedFor) * this.rate;
  }

  now(): number {
    return this.#wall + this.world.time;
  }

  jumpWall(ms: number): void {
    this.#wall += ms;
  }

  /** As NTP does. */
  setWallRight(): void {
    this.#wall = this.#rightWall;
  }

  /** From now on its monotonic clock stands still. */
  suspend(): void {
    this.#stoodStillAt ??= this.world.time;
  }

  resume(): void {
    this.#suspended = this.suspendedFor;
    this.#stoodStillAt = undefined;
  }

  get isSuspended(): boolean {
    return this.#stoodStillAt !== undefined;
  }

  /** True milliseconds that its monotonic clock has not counted. */
  get suspendedFor(): number {
    return this.#suspended + (this.world.time - (this.#stoodStillAt ?? this.world.time));
  }
}

/** One run of a program. Nothing reaches it while it is stopped, and nothing ever after its death. */
export class Process {
  readonly machine: Machine;
  readonly name: string;
  readonly clock: Clock;
  alive = true;
  #stopped = false;
  #deferred: (() => void)[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
    machine.starts += 1;
    machine.process = this;
    this.name = `${machine.name}.${machine.starts}`;
    this.clock = {
      now: () => machine.now(),
      monotonic: () => machine.monotonic(),
      // No timer of Node is shorter.
      after: (ms, callback) => this.#timer(machine.monotonic() + Math.max(1, ms), callback),
    };
  }

  deliver(run: () => void): void {
    if (!this.alive) return;
    if (this.#stopped) this.#deferred.push(run);
    else run();
  }

  die(): void {
    this.alive = false;
    this.#deferred = [];
    if (this.machine.process === this) this.machine.process = undefined;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** What has come meanwhile comes now, timers and messages, in any order. */
  resume(): void {
    this.#stopped = false;
    const { world } = this.machine;
    const due = this.#deferred.splice(0);
    while (due.length > 0) {
      const [run] = due.splice(world.random.below(due.length), 1);
      world.after(0, () => this.deliver(run!));
    }
  }

  #timer(due: number, callback: () => void): () => void {
    const { world } = this.machine;
    let active = true;
    const wait = (): void => {
      const left = due - this.machine.monotonic();
      // The clock stands still, or did.
      if (left > 1e-6)
        return void world.after(Math.max(left / this.machine.rate, this.machine.isSuspended ? 20 : 0), wait);
      this.deliver(() => {
        if (active) callback();
      });
    };
    world.after((due - this.machine.monotonic()) / this.machine.rate, wait);
    return () => {
      active = false;
    };
  }
}
