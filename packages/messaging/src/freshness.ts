/**
 * Is this message new? Two rules, by what the message is:
 * - Events (requests, commands, results, …) count once: young enough, not expired, made after whatever an earlier
 *   process accepted (the time floor), and their id not seen before from this signer; of some, not with this time.
 * - States (presence, standing, leadership) are kept by servers and shown again to whoever joins later, so they may be
 *   old, but never older than what the signer said before.
 *
 * INVARIANTS:
 * - An id stays remembered for as long as the checks of age and of its signer's floor would still let its message pass.
 * - The floor never goes down, not over a restart either: what an earlier process may have seen is refused by it.
 * - The memory is bounded, and what fills it pays: when it is full, whoever has most ids in it loses his oldest, and a
 *   floor of his own then refuses what is as old as those. Nobody else notices.
 */
import { Mom4cError } from '@mom4c/core';
import type { Certificate, Clock } from '@mom4c/core';
import type { Payload } from './payload.ts';

/** Where the time of the latest accepted event outlives the process. Milliseconds since 1970; 0 if there was none. */
export interface FloorStore {
  load(): number;
  save(latest: number): void;
}

export type FreshnessLimits = {
  /** How old an event may be on arrival, ms. */
  maxAge: number;
  /** How far ahead of ours the sender's clock may be, ms. */
  maxSkew: number;
  /** How many ids are remembered. */
  capacity: number;
};

export const DEFAULT_LIMITS: FreshnessLimits = { maxAge: 60_000, maxSkew: 10_000, capacity: 200_000 };

/** Of one signer. */
type Seen = {
  /** What is older is refused. */
  floor: number;
  count: number;
  /** Ids by the second of their message's time, so that the oldest can go together. */
  readonly seconds: Map<number, Set<string>>;
};

const SECOND = 1000;

export class Freshness {
  readonly #clock: Clock;
  readonly #store: FloorStore;
  readonly #limits: FreshnessLimits;
  readonly #floor: number;
  #latest: number;
  /** By fingerprint of the signer. */
  readonly #seen = new Map<string, Seen>();
  #remembered = 0;
  readonly #latestState = new Map<string, number>();

  constructor(clock: Clock, store: FloorStore, limits: FreshnessLimits = DEFAULT_LIMITS) {
    this.#clock = clock;
    this.#store = store;
    this.#limits = limits;
    this.#floor = store.load() + 1;
    this.#latest = this.#floor - 1;
  }

  /** Lets a message pass once. @throws Mom4cError M4C_FUTURE, M4C_EXPIRED, M4C_REPLAY, M4C_BUSY */
  admit(payload: Payload, signer: Certificate): void {
    const now = this.#clock.now();
    const { maxAge, maxSkew } = this.#limits;
    if (payload.time > now + maxSkew)
      throw new Mom4cError('M4C_FUTURE', `its clock is ${seconds(payload.time - now)} ahead of ours`);
    if (payload.expires <= now)
      throw new Mom4cError('M4C_EXPIRED', `it expired ${seconds(now - payload.expires)} ago`);
    if (STATES.has(payload.type)) return this.#admitState(payload, signer);
    if (payload.time < now - maxAge)
      throw new Mom4cError('M4C_EXPIRED', `it is ${seconds(now - payload.time)} old`);
    if (payload.time < this.#floor)
      throw new Mom4cError('M4C_EXPIRED', 'an earlier run of the receiver may have seen it');
    this.#remember(payload, signer, now);
    this.#raiseFloor(payload.time);
  }

  #admitState(payload: Payload, signer: Certificate): void {
    const key = `${payload.type} ${signer.fingerprint}`;
    if (payload.time < (this.#latestState.get(key) ?? 0))
      throw new Mom4cError('M4C_REPLAY', `a newer ${payload.type} of ${signer.name} is known`);
    this.#latestState.set(key, payload.time);
  }

  #remember(payload: Payload, { fingerprint }: Certificate, now: number): void {
    const { time } = payload;
    const key = eventKey(payload);
    const seen = this.#seen.get(fingerprint) ?? {
      floor: 0,
      count: 0,
      seconds: new Map<number, Set<string>>(),
    };
    const second = Math.floor(time / SECOND);
    if (seen.seconds.get(second)?.has(key)) throw new Mom4cError('M4C_REPLAY');
    if (this.#remembered >= this.#limits.capacity) this.#makeRoom(now);
    if (time < seen.floor)
      throw new Mom4cError(
        'M4C_BUSY',
        'its sender says more than can be remembered, and this is among the oldest',
      );
    this.#seen.set(fingerprint, seen);
    const keys = seen.seconds.get(second) ?? new Set();
    seen.seconds.set(second, keys.add(key));
    seen.count += 1;
    this.#remembered += 1;
  }

  /** What the age check refuses by now goes first; if that is not enough, the oldest second of whoever has most. */
  #makeRoom(now: number): void {
    const oldest = Math.floor((now - this.#limits.maxAge) / SECOND);
    for (const [fingerprint, seen] of this.#seen) {
      for (const second of seen.seconds.keys()) if (second < oldest) this.#forget(seen, second);
      if (seen.count === 0 && seen.floor <= oldest * SECOND) this.#seen.delete(fingerprint);
    }
    if (this.#remembered < this.#limits.capacity) return;
    const [first, ...others] = this.#seen.values();
    const largest = others.reduce((most, each) => (each.count > most.count ? each : most), first!);
    const second = Math.min(...largest.seconds.keys());
    this.#forget(largest, second);
    largest.floor = Math.max(largest.floor, (second + 1) * SECOND);
  }

  #forget(seen: Seen, second: number): void {
    const count = seen.seconds.get(second)?.size ?? 0;
    seen.seconds.delete(second);
    seen.count -= count;
    this.#remembered -= count;
  }

  #raiseFloor(time: number): void {
    if (time <= this.#latest) return;
    this.#latest = time;
    this.#store.save(time);
  }
}

const STATES: ReadonlySet<Payload['type']> = new Set(['presence', 'standing', 'leadership']);

/** These may be sent again under their id, signed anew at another time; the very same octets may not. A request, until it is
 *  accepted: the journal makes it count once. A command, by whoever has taken over: the task executor's record does. Each
 *  time they get an answer, signed anew as well. */
const REPEATED: ReadonlySet<Payload['type']> = new Set([
  'request',
  'accepted',
  'rejected',
  'command',
  'result',
]);

function eventKey({ type, id, time }: Payload): string {
  return REPEATED.has(type) ? `${type} ${id} ${time}` : `${type} ${id}`;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
