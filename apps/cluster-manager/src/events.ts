/**
 * What happens in the domain: noticed by the manager that leads, remembered by all. It is told on by subscriptions.ts.
 *
 * INVARIANTS:
 * - Only the manager that leads makes events; the others take over what it tells them.
 * - One subject makes at most `MAX_OF_ONE` events in ten minutes: a node that comes and goes all the time does not push the
 *   others out. What is not told is counted, and the next one says how many there were.
 */
import { MAX_EVENT_TEXT, uuidv7 } from '@mom4c/core';
import type {
  Certificate,
  Clock,
  ErrorCode,
  EventKind,
  EventRecord,
  EventSeverity,
  Log,
  Random,
} from '@mom4c/core';
import { EventLog } from './event-log.ts';
import type { EventMemory } from './event-memory.ts';
import type { RosterWatch } from './roster.ts';
import { STANDING_REPEAT_MS } from './standbys.ts';
import { LOST_AFTER, Vigil } from './vigil.ts';
import type { Known, VigilChange, VigilParts } from './vigil.ts';

export type EventsParts = {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly memory: EventMemory;
  readonly heartbeatMs: number;
  /** Asks a task executor for a sign of life, if a session of it is there. */
  readonly ask: (name: string) => void;
};

/** What is noticed. */
export type Notice = {
  readonly kind: EventKind;
  readonly severity: EventSeverity;
  readonly subject: string;
  readonly text: string;
  readonly code?: ErrorCode;
  /** Unix milliseconds. */
  readonly since?: number;
};

const MAX_OF_ONE = 12;
const WINDOW_MS = 10 * 60_000;
const DAY_MS = 24 * 3_600_000;

/** What an event says of who is there. */
const STATES: Partial<Record<EventKind, readonly ['nodes' | 'managers', Known['state']]>> = {
  'node-joined': ['nodes', 'here'],
  'node-back': ['nodes', 'here'],
  'node-left': ['nodes', 'left'],
  'node-lost': ['nodes', 'lost'],
  'manager-leads': ['managers', 'here'],
  'manager-stands-by': ['managers', 'here'],
  'manager-left': ['managers', 'left'],
  'manager-lost': ['managers', 'lost'],
};

type Words = Readonly<
  Record<VigilChange, readonly [kind: EventKind, severity: EventSeverity, text: string]>
> & {
  readonly silent: string;
};

const NODES: Words = {
  joined: ['node-joined', 'info', 'is there'],
  back: ['node-back', 'info', 'is there again'],
  left: ['node-left', 'info', 'was stopped'],
  lost: ['node-lost', 'alarm', 'its session is gone, and it did not say goodbye'],
  silent: 'gives no sign',
};
const MANAGERS: Words = {
  joined: ['manager-stands-by', 'info', 'stands by'],
  back: ['manager-stands-by', 'info', 'stands by again'],
  left: ['manager-left', 'warning', 'was stopped'],
  lost: ['manager-lost', 'alarm', 'its session is gone, and it did not say goodbye'],
  silent: 'gives no sign',
};

export class Events {
  readonly log = new EventLog();
  readonly nodes: Vigil;
  readonly managers: Vigil;
  readonly #parts: EventsParts;
  readonly #counts = new Map<string, { since: number; told: number; untold: number }>();
  readonly #listeners = new Set<() => void>();
  #leads = false;

  constructor(parts: EventsParts) {
    this.#parts = parts;
    const { clock, random, heartbeatMs: intervalMs, ask } = parts;
    const both = { clock, random };
    this.nodes = new Vigil({ ...both, intervalMs, ask, tell: this.#teller(NODES) });
    // They say something all the time without being asked.
    const standing = { intervalMs: STANDING_REPEAT_MS, ask: () => {}, tell: this.#teller(MANAGERS) };
    this.managers = new Vigil({ ...both, ...standing });
    const { events, nodes, managers } = parts.memory.read();
    for (const event of events) this.log.add(event);
    for (const [name, known] of Object.entries(nodes)) this.nodes.adopt(name, known);
    for (const [name, known] of Object.entries(managers)) this.managers.adopt(name, known);
  }

  /** Calls back whenever there is something new. */
  onNew(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For the roster: signs of life, and who is lost. */
  get rosterWatch(): RosterWatch {
    const { nodes } = this;
    return {
      arrived: (name) => nodes.arrived(name),
      heard: (name) => nodes.heard(name),
      gone: (name, leaving) => nodes.gone(name, leaving),
      lostSince(name) {
        const { state, since } = nodes.of(name) ?? {};
        return state === 'lost' ? since : undefined;
      },
    };
  }

  /** This manager leads. @param epoch in words */
  begin(epoch: string): void {
    this.#leads = true;
    const before = this.log.all.findLast(({ kind }) => kind === 'manager-leads')?.subject;
    const { name } = this.#parts;
    const taken = before !== undefined && before !== name;
    this.note({
      ...{ kind: 'manager-leads', severity: taken ? 'warning' : 'info', subject: name },
      text: `leads under epoch ${epoch}${taken ? `, after ${before}` : ''}`,
    });
    this.managers.begin();
    this.nodes.begin();
  }

  end(): void {
    this.#leads = false;
    this.nodes.end();
    this.managers.end();
  }

  /** Of no account while another one leads. */
  note({ kind, severity, subject, text, code, since }: Notice): void {
    const { clock, random, name: by, log } = this.#parts;
    if (!this.#leads) return;
    const untold = this.#isTooMany(subject);
    if (untold === undefined) return;
    const more = untold > 0 ? ` (${untold} more about it were not told)` : '';
    const event: EventRecord = {
      id: uuidv7(clock, random),
      time: new Date(clock.now()).toISOString(),
      ...{ severity, kind, subject },
      ...(since !== undefined && { since: new Date(since).toISOString() }),
      ...(code && { code }),
      text: `${text.slice(0, MAX_EVENT_TEXT - more.length)}${more}`,
      by,
    };
    log[severity === 'info' ? 'info' : 'warn']({ event: kind, subject, severity, code }, event.text);
    this.#take(event);
  }

  /** What the manager that leads has told. */
  adopt(events: readonly EventRecord[]): void {
    for (const event of events) this.#take(event);
  }

  /** Certificates of which the last tenth has begun, each once a day. */
  lookAtCertificates(certificates: Iterable<Pick<Certificate, 'name' | 'notBefore' | 'notAfter'>>): void {
    const now = this.#parts.clock.now();
    const told = new Set(
      this.log.all
        .filter(({ kind, time }) => kind === 'certificate-expires' && now - Date.parse(time) < DAY_MS)
        .map(({ subject }) => subject),
    );
    for (const { name, notBefore, notAfter } of certificates) {
      if (notAfter - now > (notAfter - notBefore) / 10 || told.has(name)) continue;
      const text = `its certificate ${notAfter > now ? 'expires' : 'has expired'} on ${new Date(notAfter).toISOString()}`;
      this.note({ kind: 'certificate-expires', severity: 'warning', subject: name, text });
    }
  }

  close(): void {
    this.end();
    this.#parts.memory.close();
  }

  #take(event: EventRecord): void {
    if (!this.log.add(event)) return;
    const [who, state] = STATES[event.kind] ?? [];
    if (who && state) this[who].adopt(event.subject, { state, since: Date.parse(event.since ?? event.time) });
    this.#parts.memory.saveSoon(() => ({
      events: [...this.log.all],
      nodes: Object.fromEntries(this.nodes.known),
      managers: Object.fromEntries(this.managers.known),
    }));
    for (const listener of this.#listeners) listener();
  }

  #teller(words: Words): VigilParts['tell'] {
    return (subject, change, since, silent) => {
      const [kind, severity, text] = words[change];
      const seconds = Math.round((LOST_AFTER * this.#parts.heartbeatMs) / 1000);
      if (!silent) return this.note({ kind, severity, subject, text });
      const asked = words === NODES ? `${words.silent}, for ${seconds} s` : words.silent;
      this.note({ kind, severity, subject, text: asked, code: 'M4C_NO_ANSWER', since });
    };
  }

  /** @returns how many were not told before this one; undefined: this one is not told either */
  #isTooMany(subject: string): number | undefined {
    const now = this.#parts.clock.monotonic();
    const count = this.#counts.get(subject);
    if (!count || now - count.since > WINDOW_MS) {
      this.#counts.set(subject, { since: now, told: 1, untold: 0 });
      return count?.untold ?? 0;
    }
    if (count.told >= MAX_OF_ONE) {
      count.untold += 1;
      return undefined;
    }
    count.told += 1;
    return 0;
  }
}
