/**
 * Requests of an administrator, or of an adapter for a person, any number at once on one session: each to the service
 * address, accepted or rejected, then its outcome.
 *
 * INVARIANTS:
 * - A request is sent again under its id, whatever becomes of managers and connections, until there is an outcome, a
 *   reason that trying again does not change, or no hope left. Managers act on an id once.
 */
import { Mom4cError, jitteredBackoff, pause } from '@mom4c/core';
import type { BareJid, Certificate } from '@mom4c/core';
import type { Payload, PayloadOf, PayloadType } from '@mom4c/messaging';
import type { Incoming, XmppSession } from '@mom4c/xmpp';
import { activeAddress, exchange, openFromManager } from './exchange.ts';
import { currentManagers } from './managers.ts';
import type { Member } from './member.ts';
import { createRefusals } from './refusals.ts';
import type { Refusals } from './refusals.ts';

export type Request = {
  readonly name: string;
  readonly args: unknown;
  readonly targets: readonly string[] | undefined;
  /** Terms of a selector: of the targets whoever has these labels. */
  readonly labels?: readonly string[] | undefined;
  /** Milliseconds that the targets have. */
  readonly timeout: number;
  /** The person who asked it; by an adapter only, and always. */
  readonly onBehalfOf?: BareJid;
};

/** How long a manager may take to accept, a take-over from one that hangs included; after a second without word the same
 *  id is sent again. */
const ACCEPT_MS = 20_000;
const ACCEPT_TRY_MS = 1_000;
const ACCEPT_LAST_TRY_MS = 4_000;
/** How long nobody may be logged in at the service address: whoever stands by is there sooner. */
const NOBODY_MS = 10_000;
/** For the way of the outcome, after the deadline. */
const GRACE_MS = 5_000;
/** Then the same id is sent again, since it may have been said to nobody; for so long, whether anybody is there or not: what was
 *  accepted goes on as soon as somebody leads. */
const HOPE_MS = 60_000;
const RETRY = { baseMs: 50, capMs: 1_000 };

export class Requester {
  readonly #member: Member;
  readonly #session: XmppSession;
  /** By id of the request: what its outcome resolves. */
  readonly #awaited = new Map<string, (outcome: PayloadOf<'outcome'>) => void>();
  readonly #refusals: Refusals;
  readonly #unsubscribe: (() => void)[];
  /** Rejects when there is a reason to ask again: the server says that the manager's session is gone, or ours is back. What
   *  was said meanwhile is said again to who asks again. */
  #reason = Promise.withResolvers<never>();
  /** Aborted when the server says that a manager's session is there: who waits before it asks again waits no longer. */
  #arrival = new AbortController();

  constructor(member: Member, session: XmppSession) {
    this.#member = member;
    this.#session = session;
    this.#refusals = createRefusals({ ...member, count: () => {} });
    this.#unsubscribe = [
      session.onMessage((message) => this.#message(message)),
      session.onPresence((presence) => this.#presence(presence)),
      session.on('online', () => this.#askAgain()),
    ];
    this.#reason.promise.catch(() => {});
  }

  /** @throws Mom4cError what the manager rejects with; M4C_NO_MANAGER, M4C_TIMEOUT, M4C_STOPPED */
  async send(
    request: Request,
    onAccepted: (accepted: PayloadOf<'accepted'>) => void = () => {},
  ): Promise<PayloadOf<'outcome'>> {
    const id = this.#member.newId();
    const { log } = this.#member;
    const { name: command, onBehalfOf } = request;
    log.info({ id, command, ...(onBehalfOf !== undefined && { onBehalfOf }) }, 'asking');
    const arrived = Promise.withResolvers<PayloadOf<'outcome'>>();
    this.#awaited.set(id, arrived.resolve);
    const { signal } = this.#member;
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(new Mom4cError('M4C_STOPPED'));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const outcome = async (): Promise<PayloadOf<'outcome'>> => {
      const accepted = await this.#untilAccepted(id, request, arrived.promise);
      log.info({ id, targets: accepted?.targets.length }, 'was accepted');
      if (accepted) onAccepted(accepted);
      return this.#untilOutcome(id, request, arrived.promise);
    };
    try {
      const had = await Promise.race([outcome(), stopped.promise]);
      log.info({ id, command }, 'has its outcome');
      return had;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#awaited.delete(id);
    }
  }

  /** Of a request that was accepted. */
  async #untilOutcome(
    id: string,
    request: Request,
    outcome: Promise<PayloadOf<'outcome'>>,
  ): Promise<PayloadOf<'outcome'>> {
    const { clock, log } = this.#member;
    const dueAt = clock.monotonic() + request.timeout + GRACE_MS;
    const hopeUntil = dueAt + HOPE_MS;
    for (;;) {
      const wait = Math.max(GRACE_MS, dueAt - clock.monotonic());
      try {
        return await Promise.race([this.#within(wait, outcome), this.#reason.promise]);
      } catch (thrown) {
        if (!(thrown instanceof Mom4cError) || !thrown.retryable) throw thrown;
        if (clock.monotonic() > hopeUntil) throw thrown;
      }
      log.info({ id }, 'no outcome yet, asking again');
      await this.#untilAccepted(id, request, outcome, hopeUntil);
    }
  }

  /** Which commands the policy of the manager lets a person run; for adapters.
   *  @throws Mom4cError M4C_NO_MANAGER, M4C_FORBIDDEN */
  async permitted(onBehalfOf: BareJid): Promise<readonly string[]> {
    const { clock, newId } = this.#member;
    const time = clock.now();
    const head = { id: newId(), ...this.#ends(), time, expires: time + ACCEPT_MS };
    const managers = await currentManagers(this.#member);
    try {
      const query = { type: 'permissions', ...head, onBehalfOf } as const;
      return (await this.#exchange(query, managers, ['permitted'], ACCEPT_LAST_TRY_MS)).commands;
    } catch (thrown) {
      throw thrown instanceof Mom4cError ? asNoManager(thrown, ACCEPT_LAST_TRY_MS) : thrown;
    }
  }

  /** Outcomes are not heard any more. */
  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#refusals.flush();
  }

  /** No more than a hint: whoever leads next is asked sooner. */
  #presence({ from, type }: Incoming): void {
    if (from !== activeAddress(this.#member)) return;
    if (type === 'unavailable') this.#askAgain();
    else if (type === undefined) this.#askNow();
  }

  #askNow(): void {
    this.#arrival.abort();
    this.#arrival = new AbortController();
  }

  #askAgain(): void {
    this.#reason.reject(new Mom4cError('M4C_XMPP_RECIPIENT', 'its session is gone'));
    this.#reason = Promise.withResolvers();
    this.#reason.promise.catch(() => {});
  }

  async #message({ from, type, element }: Incoming): Promise<void> {
    if (type === 'error') return;
    try {
      // Cheapest first: what others send is not even read.
      if (!from.startsWith(`${this.#member.service}/`))
        throw new Mom4cError('M4C_NOT_HEARD', 'not from the cluster manager');
      const { payload } = await openFromManager(this.#member, element, ['outcome'], from);
      this.#awaited.get(payload.id)?.(payload);
    } catch (thrown) {
      this.#refusals.note(this.#member.errorOf(thrown), from);
    }
  }

  /** Sends the id again, signed anew, as long as there is a reason to hope. @returns undefined if the outcome was faster
   *  @param hopeUntil on the monotonic clock, where it was accepted before */
  async #untilAccepted(
    id: string,
    request: Request,
    outcome: Promise<unknown>,
    hopeUntil?: number,
  ): Promise<PayloadOf<'accepted'> | undefined> {
    const { clock, random, signal } = this.#member;
    const managers = await currentManagers(this.#member);
    let patience = ACCEPT_TRY_MS;
    const backoff = jitteredBackoff({ ...RETRY, random });
    const begun = clock.monotonic();
    /** Since when the server says that nobody is there. */
    let nobodySince: number | undefined;
    /** Says more than the silence that follows when the lease of who said it has run out. */
    let withoutQuorum: Mom4cError | undefined;
    let finished = false;
    void outcome.then(() => (finished = true));
    for (;;) {
      const arrival = this.#arrival.signal;
      try {
        return await this.#ask(id, request, managers, patience);
      } catch (thrown) {
        if (finished) return undefined;
        if (!(thrown instanceof Mom4cError) || !thrown.retryable) throw thrown;
        if (thrown.code === 'M4C_NO_QUORUM') withoutQuorum = thrown;
        const now = clock.monotonic();
        nobodySince = thrown.code === 'M4C_XMPP_RECIPIENT' ? (nobodySince ?? now) : undefined;
        const nobody = hopeUntil === undefined && now - (nobodySince ?? now) > NOBODY_MS;
        if (nobody || now > (hopeUntil ?? begun + ACCEPT_MS))
          throw withoutQuorum ?? asNoManager(thrown, now - begun);
        // A slow manager must not be made slower.
        patience = Math.min(2 * patience, ACCEPT_LAST_TRY_MS);
      }
      await pause(backoff.next(), clock, AbortSignal.any([signal, arrival]));
      if (signal.aborted) throw new Mom4cError('M4C_STOPPED');
    }
  }

  async #ask(
    id: string,
    { name, args, targets, labels, timeout, onBehalfOf }: Request,
    managers: readonly Certificate[],
    patience: number,
  ): Promise<PayloadOf<'accepted'>> {
    const time = this.#member.clock.now();
    const payload: PayloadOf<'request'> = {
      type: 'request',
      id,
      ...this.#ends(),
      time,
      expires: time + Math.max(timeout, ACCEPT_MS),
      name,
      args,
      timeout,
      ...(targets && { targets: [...targets] }),
      ...(labels && { labels: [...labels] }),
      ...(onBehalfOf !== undefined && { onBehalfOf }),
    };
    const said = await this.#exchange(payload, managers, ['accepted', 'rejected'], patience);
    if (said.type === 'rejected')
      throw new Mom4cError(said.error.code, said.error.detail, { correlation: said.error.correlation });
    return said;
  }

  #exchange<T extends PayloadType>(
    payload: Payload,
    managers: readonly Certificate[],
    expected: readonly T[],
    timeoutMs: number,
  ): Promise<PayloadOf<T>> {
    const givenUp = this.#reason.promise;
    return exchange(this.#member, this.#session, { payload, managers, expected, timeoutMs, givenUp });
  }

  #ends(): { from: BareJid; to: BareJid } {
    return { from: this.#member.address, to: this.#member.service };
  }

  async #within<T>(ms: number, promise: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const cancel = this.#member.clock.after(ms, () =>
      late.reject(new Mom4cError('M4C_TIMEOUT', 'the outcome did not arrive')),
    );
    try {
      return await Promise.race([promise, late.promise]);
    } finally {
      cancel();
    }
  }
}

/** The server's word for "nobody is logged in there", in the user's terms. */
function asNoManager(error: Mom4cError, ms: number): Mom4cError {
  if (error.code !== 'M4C_XMPP_RECIPIENT' && error.code !== 'M4C_TIMEOUT') return error;
  return new Mom4cError('M4C_NO_MANAGER', `tried for ${Math.round(ms / 1000)} s`, { cause: error });
}
