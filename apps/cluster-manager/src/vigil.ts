/**
 * Who is there, who has left, who is lost: one of these for the task executors of the domain, one for its managers.
 *
 * What is *observed* (a sign of life, the end of a session) every manager follows all the time. What is *known*, in the sense
 * of told to whoever watches, changes only while this manager leads, or by what the one that leads tells it.
 *
 * INVARIANTS:
 * - Whoever gives no sign for three intervals is lost, at that moment and not before; the end of its session is told at once.
 * - Whoever is silent is asked, at most twice in an interval and at least once in each.
 * - Between two losses of the same there is a return. A term begins with all that changed while nobody led; those of which
 *   nothing is known then have three intervals.
 */
import type { Clock, Random } from '@mom4c/core';

export type VigilState = 'here' | 'left' | 'lost';
/** `since`: Unix milliseconds. */
export type Known = { readonly state: VigilState; readonly since: number };
export type VigilChange = 'joined' | 'back' | 'left' | 'lost';

export type VigilParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly intervalMs: number;
  /** Asks it for a sign. */
  readonly ask: (name: string) => void;
  /** Tells of a change. `silent`: it is lost because nothing is heard of it, not because its session is gone. */
  readonly tell: (name: string, change: VigilChange, since: number, silent: boolean) => void;
};

/** Intervals without a sign after which somebody is lost. */
export const LOST_AFTER = 3;

/** Times without a unit in their name are of the monotonic clock. */
type Observed = {
  heardAt: number;
  askAt: number;
  /** Since when its session is gone, if it is. */
  gone: { readonly since: number; readonly leaving: boolean } | undefined;
};

export class Vigil {
  readonly #parts: VigilParts;
  readonly #known = new Map<string, Known>();
  readonly #observed = new Map<string, Observed>();
  #leads = false;
  #planned: { at: number; cancel: () => void } | undefined;

  constructor(parts: VigilParts) {
    this.#parts = parts;
  }

  of(name: string): Known | undefined {
    return this.#known.get(name);
  }

  get known(): ReadonlyMap<string, Known> {
    return this.#known;
  }

  /** What the manager that leads, or this one before its last start, has told. */
  adopt(name: string, known: Known): void {
    this.#known.set(name, known);
  }

  begin(): void {
    this.#leads = true;
    const now = this.#parts.clock.monotonic();
    for (const [name, { state }] of this.#known)
      if (state === 'here' && !this.#observed.has(name))
        this.#observed.set(name, { heardAt: now, askAt: now, gone: undefined });
    for (const [name, observed] of this.#observed) {
      // Nobody was asked while another one led.
      observed.heardAt = now;
      observed.askAt = now + this.#share(this.#parts.intervalMs);
      this.#compare(name, observed);
    }
    this.#planNext();
  }

  end(): void {
    this.#leads = false;
    this.#planned?.cancel();
    this.#planned = undefined;
  }

  /** It has announced itself. */
  arrived(name: string): void {
    const observed = this.#observed.get(name) ?? { heardAt: 0, askAt: 0, gone: undefined };
    observed.gone = undefined;
    this.#observed.set(name, observed);
    this.heard(name);
  }

  /** A sign of life; of no account once its session is gone. @param asked it is the answer to a question */
  heard(name: string, asked = false): void {
    const observed = this.#observed.get(name);
    if (!observed || observed.gone) return;
    const { clock, intervalMs } = this.#parts;
    observed.heardAt = clock.monotonic();
    // All of a domain say something at the same moment, and shall not be asked at the same moment.
    observed.askAt = observed.heardAt + (asked ? intervalMs : intervalMs / 2 + this.#share(intervalMs / 2));
    if (!this.#leads) return;
    this.#compare(name, observed);
    this.#planAt(observed.askAt);
  }

  /** Its session is gone. @param leaving it has said so itself */
  gone(name: string, leaving: boolean): void {
    const { clock } = this.#parts;
    const observed = this.#observed.get(name) ?? { heardAt: clock.monotonic(), askAt: 0, gone: undefined };
    observed.gone = { since: clock.now(), leaving };
    this.#observed.set(name, observed);
    if (this.#leads) this.#compare(name, observed);
  }

  /** It is not of the domain any more. */
  forget(name: string): void {
    this.#known.delete(name);
    this.#observed.delete(name);
  }

  #compare(name: string, { gone }: Observed): void {
    const known = this.#known.get(name)?.state;
    const now = this.#parts.clock.now();
    if (gone) {
      if (known === 'here') this.#tell(name, gone.leaving ? 'left' : 'lost', gone.since, false);
    } else if (known === undefined) this.#tell(name, 'joined', now, false);
    else if (known !== 'here') this.#tell(name, 'back', now, false);
  }

  #tell(name: string, change: VigilChange, since: number, silent: boolean): void {
    this.#known.set(name, { state: change === 'left' || change === 'lost' ? change : 'here', since });
    this.#parts.tell(name, change, since, silent);
  }

  #look(): void {
    const { clock, intervalMs, ask } = this.#parts;
    const now = clock.monotonic();
    const late = now - (this.#planned?.at ?? now);
    this.#planned = undefined;
    // While this process stood still it could not hear anybody.
    if (late > intervalMs / 4) for (const observed of this.#observed.values()) observed.heardAt += late;
    for (const [name, observed] of this.#observed) {
      if (observed.gone || this.#dueAt(name, observed) > now) continue;
      const silence = now - observed.heardAt;
      if (silence >= LOST_AFTER * intervalMs && this.#known.get(name)?.state === 'here')
        this.#tell(name, 'lost', clock.now() - silence, true);
      if (observed.askAt > now) continue;
      observed.askAt = now + intervalMs;
      ask(name);
    }
    this.#planNext();
  }

  #dueAt(name: string, { heardAt, askAt }: Observed): number {
    const isHere = this.#known.get(name)?.state === 'here';
    return isHere ? Math.min(askAt, heardAt + LOST_AFTER * this.#parts.intervalMs) : askAt;
  }

  /** The next look is when the first of all is due. */
  #planNext(): void {
    let at = Number.POSITIVE_INFINITY;
    for (const [name, observed] of this.#observed)
      if (!observed.gone) at = Math.min(at, this.#dueAt(name, observed));
    if (at < Number.POSITIVE_INFINITY) this.#planAt(at);
  }

  /** Or earlier, which costs a look. */
  #planAt(at: number): void {
    if (!this.#leads || (this.#planned && this.#planned.at <= at)) return;
    this.#planned?.cancel();
    const { clock } = this.#parts;
    this.#planned = { at, cancel: clock.after(Math.max(0, at - clock.monotonic()), () => this.#look()) };
  }

  #share(ms: number): number {
    return (Buffer.from(this.#parts.random.bytes(2)).readUInt16BE() / 0x1_0000) * ms;
  }
}
