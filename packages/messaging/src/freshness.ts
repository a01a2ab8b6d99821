/**
 * Is this message new? Two rules, by what the message is:
 * - Events (requests, commands, results, …) count once: young enough, not expired, made after whatever an earlier
 *   process accepted (the time floor), and their id not seen before from this signer.
 * - States (presence, leadership) are kept by servers and shown again to whoever joins later, so they may be old, but
 *   never older than what the signer said before.
 *
 * INVARIANTS:
 * - An id stays remembered for as long as the age check would still let its message pass.
 * - The floor never goes down, not over a restart either: what an earlier process may have seen is refused by it.
 * - The memory is bounded; when it is full new messages are refused, old ids are not forgotten early.
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

export class Freshness {
  readonly #clock: Clock;
  readonly #store: FloorStore;
  readonly #limits: FreshnessLimits;
  readonly #floor: number;
  #latest: number;
  /** Id → until when it must be remembered. */
  readonly #seen = new Map<string, number>();
  readonly #latestState = new Map<string, number>();

  constructor(clock: Clock, store: FloorStore, limits: FreshnessLimits = DEFAULT_LIMITS) {
    this.#clock = clock;
    this.#store = store;
    this.#limits = limits;
    this.#floor = store.load() + 1;
    this.#latest = this.#floor;
  }

  /** Lets a message pass once. @throws Mom4cError M4C_FUTURE, M4C_EXPIRED, M4C_REPLAY, M4C_BUSY */
  admit(payload: Payload, signer: Certificate): void {
    const now = this.#clock.now();
    const { maxAge, maxSkew } = this.#limits;
    if (payload.time > now + maxSkew)
      throw new Mom4cError('M4C_FUTURE', `its clock is ${seconds(payload.time - now)} ahead of ours`);
    if (payload.expires <= now)
      throw new Mom4cError('M4C_EXPIRED', `it expired ${seconds(now - payload.expires)} ago`);
    if (payload.type === 'presence' || payload.type === 'leadership')
      return this.#admitState(payload, signer);
    if (payload.time < now - maxAge)
      throw new Mom4cError('M4C_EXPIRED', `it is ${seconds(now - payload.time)} old`);
    if (payload.time < this.#floor)
      throw new Mom4cError('M4C_EXPIRED', 'an earlier run of the receiver may have seen it');
    this.#remember(eventKey(payload, signer), payload.time + maxAge, now);
    this.#raiseFloor(payload.time);
  }

  #admitState(payload: Payload, signer: Certificate): void {
    const key = `${payload.type} ${signer.fingerprint}`;
    if (payload.time < (this.#latestState.get(key) ?? 0))
      throw new Mom4cError('M4C_REPLAY', `a newer ${payload.type} of ${signer.name} is known`);
    this.#latestState.set(key, payload.time);
  }

  #remember(key: string, until: number, now: number): void {
    if (this.#seen.has(key)) throw new Mom4cError('M4C_REPLAY');
    if (this.#seen.size >= this.#limits.capacity) this.#forget(now);
    if (this.#seen.size >= this.#limits.capacity)
      throw new Mom4cError('M4C_BUSY', 'too many messages to remember');
    this.#seen.set(key, until);
  }

  #forget(now: number): void {
    for (const [key, until] of this.#seen) if (until < now) this.#seen.delete(key);
  }

  #raiseFloor(time: number): void {
    if (time <= this.#latest) return;
    this.#latest = time;
    this.#store.save(time);
  }
}

/** A request may be sent again under its id, signed anew, until it is accepted; the journal makes it count once. Each time
 *  it gets an answer, signed anew as well. */
const REPEATED: ReadonlySet<Payload['type']> = new Set(['request', 'accepted', 'rejected']);

function eventKey(payload: Payload, signer: Certificate): string {
  const key = `${payload.type} ${signer.fingerprint} ${payload.id}`;
  return REPEATED.has(payload.type) ? `${key} ${payload.time}` : key;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
