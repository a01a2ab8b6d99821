/**
 * The latest events, in the order in which this manager got to know them.
 *
 * INVARIANTS:
 * - At most `MAX_KEPT`. Of those of no importance at most half: many nodes that come and go do not push the alarms out.
 * - An id is taken once. Whoever reads on after a place is told whether something in between is not known any more.
 */
import { isAtLeast } from '@mom4c/core';
import type { EventRecord, EventSeverity, Uuid } from '@mom4c/core';

export const MAX_KEPT = 1000;
const MAX_INFOS = MAX_KEPT / 2;
/** Octets of JSON in one message: the rest of the payload needs less than a kilobyte. */
const MESSAGE_OCTETS = 96 * 1024;
const MESSAGE_EVENTS = 400;

/** Number of the last event that somebody has; 0: none of them. */
export type Place = number;

export type Part = {
  readonly events: readonly EventRecord[];
  readonly place: Place;
  /** Others that were asked for are not known any more. */
  readonly gap: boolean;
  /** There are more than these. */
  readonly more: boolean;
};

type Kept = { readonly number: number; readonly event: EventRecord; readonly octets: number };

export class EventLog {
  #kept: Kept[] = [];
  readonly #numbers = new Map<Uuid, number>();
  #last = 0;
  /** Numbers of the latest that were given up. */
  #givenUp: Record<EventSeverity, number> = { info: 0, warning: 0, alarm: 0 };

  /** @returns false if it is known */
  add(event: EventRecord): boolean {
    if (this.#numbers.has(event.id)) return false;
    this.#last += 1;
    this.#numbers.set(event.id, this.#last);
    this.#kept.push({ number: this.#last, event, octets: Buffer.byteLength(JSON.stringify(event)) });
    if (this.#kept.length > MAX_KEPT) this.#giveUpOne();
    return true;
  }

  get all(): readonly EventRecord[] {
    return this.#kept.map(({ event }) => event);
  }

  /** After all that there are now. */
  get end(): Place {
    return this.#last;
  }

  get lastId(): Uuid | undefined {
    return this.#kept.at(-1)?.event.id;
  }

  /** Undefined if it is not known (any more). */
  placeOf(id: Uuid): Place | undefined {
    return this.#numbers.get(id);
  }

  /** What follows that place, as much as fits into one message. */
  after(place: Place, least: EventSeverity = 'info'): Part {
    const gap = (['info', 'warning', 'alarm'] as const).some(
      (severity) => isAtLeast(severity, least) && this.#givenUp[severity] > place,
    );
    const wanted = this.#kept.filter(
      ({ number, event }) => number > place && isAtLeast(event.severity, least),
    );
    const events = fitting(wanted);
    const more = events.length < wanted.length;
    return {
      events: events.map(({ event }) => event),
      place: more ? events.at(-1)!.number : this.#last,
      gap,
      more,
    };
  }

  /** The place before the first that was noticed at that time or later, Unix milliseconds. */
  placeBefore(time: number): Place {
    const first = this.#kept.find(({ event }) => Date.parse(event.time) >= time);
    return first ? first.number - 1 : this.#last;
  }

  /** The latest that fit into one message. */
  recent({
    since = 0,
    severity = 'info',
    before,
  }: {
    readonly since?: number | undefined;
    readonly severity?: EventSeverity | undefined;
    readonly before?: Uuid | undefined;
  }): { events: EventRecord[]; older: number } {
    const end = before === undefined ? this.#last + 1 : (this.#numbers.get(before) ?? 0);
    const wanted = this.#kept.filter(
      ({ number, event }) =>
        number < end && isAtLeast(event.severity, severity) && Date.parse(event.time) >= since,
    );
    const events = fitting(wanted.toReversed()).toReversed();
    return { events: events.map(({ event }) => event), older: wanted.length - events.length };
  }

  #giveUpOne(): void {
    const infos = this.#kept.filter(({ event }) => event.severity === 'info').length;
    const index = infos > MAX_INFOS ? this.#kept.findIndex(({ event }) => event.severity === 'info') : 0;
    const [{ number, event }] = this.#kept.splice(index, 1) as [Kept];
    this.#numbers.delete(event.id);
    this.#givenUp[event.severity] = Math.max(this.#givenUp[event.severity], number);
  }
}

function fitting(wanted: readonly Kept[]): readonly Kept[] {
  let octets = 0;
  const fits = wanted
    .slice(0, MESSAGE_EVENTS)
    .findIndex((one) => (octets += one.octets + 1) > MESSAGE_OCTETS);
  return wanted.slice(0, fits === -1 ? MESSAGE_EVENTS : fits);
}
