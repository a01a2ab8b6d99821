/**
 * Watching events, on one session: subscribed at whichever manager leads, again before that runs out, after a fail-over, and
 * when the connection is back.
 *
 * INVARIANTS:
 * - Each event is handed over once, and only from a manager that has not been replaced.
 * - Whatever is new since the last one is asked for again whenever some may have been lost. Where that cannot be had, it is said.
 */
import { Mom4cError, compareEpochs, jitteredBackoff } from '@mom4c/core';
import type { BareJid, Epoch, ErrorCode, EventRecord, EventSeverity, Uuid } from '@mom4c/core';
import type { PayloadOf } from '@mom4c/messaging';
import type { Incoming, XmppSession } from '@mom4c/xmpp';
import { activeAddress, exchange, openFromManager } from './exchange.ts';
import { currentManagers } from './managers.ts';
import type { Member } from './member.ts';
import { createRefusals } from './refusals.ts';
import type { Refusals } from './refusals.ts';

export type WatchOptions = {
  readonly severity?: EventSeverity | undefined;
  /** Unix milliseconds; absent: from now on. */
  readonly since?: number | undefined;
  readonly onBehalfOf?: BareJid;
  /** In order. What it throws, or rejects with, ends the watching. */
  readonly onEvent: (event: EventRecord) => void | Promise<void>;
  /** Others may have been missed. @param after time of the last one before, ISO */
  readonly onGap: (after: string | undefined) => void;
  /** Told once per kind, until it works again. */
  readonly onTrouble?: (error: Mom4cError) => void;
  /** It works, for the first time or again. */
  readonly onWatching?: () => void;
};

const ASK_MS = 4_000;
const VALID_MS = 20_000;
const RETRY = { baseMs: 50, capMs: 1_000 };
/** As many as a manager remembers, twice. */
const MAX_SEEN = 2_000;

export class EventWatcher {
  readonly #member: Member;
  readonly #session: XmppSession;
  readonly #options: WatchOptions;
  readonly #refusals: Refusals;
  readonly #seen = new Set<Uuid>();
  #highest: Epoch | undefined;
  #last: Uuid | undefined;
  #lastTime: string | undefined;
  #since: number | undefined;
  /** Events are handed over one after the other. */
  #handing: Promise<void> = Promise.resolve();
  /** A reason to ask anew. */
  #wake = (): void => {};
  #isWoken = false;
  #isWatching = false;
  #told: ErrorCode | undefined;

  constructor(member: Member, session: XmppSession, options: WatchOptions) {
    this.#member = member;
    this.#session = session;
    this.#options = options;
    this.#since = options.since;
    this.#refusals = createRefusals({ ...member, count: () => {} });
  }

  /** Resolves when the signal is aborted. @throws Mom4cError what will not pass by itself; what `onEvent` throws */
  async run(signal: AbortSignal): Promise<void> {
    const ended = Promise.withResolvers<never>();
    ended.promise.catch(() => {});
    const onAbort = (): void => ended.reject(new Mom4cError('M4C_STOPPED'));
    const unsubscribe = [
      this.#session.onMessage((message) => this.#message(message, ended.reject)),
      this.#session.onPresence(({ from, type }) => {
        if (type === 'unavailable' && from === activeAddress(this.#member)) this.#again();
      }),
      this.#session.on('online', () => this.#again()),
      () => signal.removeEventListener('abort', onAbort),
    ];
    signal.addEventListener('abort', onAbort, { once: true });
    const backoff = jitteredBackoff({ ...RETRY, random: this.#member.random });
    try {
      while (!signal.aborted) {
        this.#isWoken = false;
        const waitMs = await Promise.race([this.#attempt(backoff), ended.promise]);
        if (!this.#isWoken && waitMs > 0) await Promise.race([this.#pause(waitMs), ended.promise]);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      this.#wake();
      for (const each of unsubscribe) each();
      this.#refusals.flush();
      if (this.#session.online)
        await this.#session
          .sendPresence({ to: activeAddress(this.#member), type: 'unavailable' })
          .catch(() => {});
    }
  }

  /** @returns how long to wait until the next, ms */
  async #attempt(backoff: ReturnType<typeof jitteredBackoff>): Promise<number> {
    const { onWatching, onTrouble } = this.#options;
    try {
      const { lifetime, more } = await this.#subscribe();
      if (!this.#isWatching) onWatching?.();
      this.#isWatching = true;
      this.#told = undefined;
      backoff.reset();
      return more ? 0 : lifetime / 3;
    } catch (thrown) {
      if (!(thrown instanceof Mom4cError) || !thrown.retryable) throw thrown;
      if (this.#told !== thrown.code) onTrouble?.(thrown);
      this.#told = thrown.code;
      this.#isWatching = false;
      // What woke us up before does not make the manager come sooner.
      this.#isWoken = false;
      return backoff.next();
    }
  }

  async #subscribe(): Promise<PayloadOf<'subscribed'>> {
    const { address: from, service: to, clock, newId } = this.#member;
    const { severity, onBehalfOf } = this.#options;
    const managers = await currentManagers(this.#member);
    // So that the server tells the manager when we are gone.
    await this.#session.sendPresence({ to: activeAddress(this.#member) });
    const time = clock.now();
    const isFirst = this.#last === undefined && this.#since === undefined;
    const said = await exchange(this.#member, this.#session, {
      payload: {
        ...{ type: 'subscribe', id: newId(), from, to, time, expires: time + VALID_MS },
        ...(severity !== undefined && { severity }),
        ...(onBehalfOf !== undefined && { onBehalfOf }),
        ...(this.#last === undefined ? { since: this.#since } : { after: this.#last }),
      },
      managers,
      expected: ['subscribed'],
      timeoutMs: ASK_MS,
    });
    this.#checkEpoch(said.epoch);
    // Nothing had happened yet: what happens before the next question is asked for by its time.
    if (isFirst) this.#since = said.time;
    this.#handOver(said.events, said.gap && !isFirst);
    this.#last = said.last ?? this.#last;
    await this.#handing;
    return said;
  }

  async #message({ from, type, element }: Incoming, fail: (reason: unknown) => void): Promise<void> {
    if (type === 'error') return;
    try {
      // Cheapest first: what others send is not even read.
      if (!from.startsWith(`${this.#member.service}/`))
        throw new Mom4cError('M4C_NOT_HEARD', 'not from the cluster manager');
      const { payload } = await openFromManager(this.#member, element, ['events'], from);
      this.#checkEpoch(payload.epoch);
      // What came before it has not reached us: it comes, with this, when we ask.
      if (payload.after !== this.#last) return this.#again();
      this.#last = payload.events.at(-1)!.id;
      this.#handOver(payload.events, payload.gap);
      this.#handing.catch(fail);
    } catch (thrown) {
      this.#refusals.note(this.#member.errorOf(thrown), from);
    }
  }

  #handOver(events: readonly EventRecord[], gap: boolean): void {
    const fresh = events.filter(({ id }) => !this.#seen.has(id));
    for (const { id } of fresh) this.#seen.add(id);
    for (const id of this.#seen) {
      if (this.#seen.size <= MAX_SEEN) break;
      this.#seen.delete(id);
    }
    const { onEvent, onGap } = this.#options;
    if (gap) onGap(this.#lastTime);
    this.#lastTime = fresh.at(-1)?.time ?? this.#lastTime;
    this.#handing = this.#handing.then(async () => {
      for (const event of fresh) await onEvent(event);
    });
    // Whoever waits for it gets to know.
    this.#handing.catch(() => {});
  }

  /** @throws Mom4cError M4C_EPOCH */
  #checkEpoch(epoch: Epoch): void {
    if (this.#highest && compareEpochs(epoch, this.#highest) < 0) throw new Mom4cError('M4C_EPOCH');
    this.#highest = epoch;
  }

  #again(): void {
    this.#isWoken = true;
    this.#wake();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#member.clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
