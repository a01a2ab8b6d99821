/**
 * The session of this domain at its identity provider: log in once, show the session from then on.
 *
 * INVARIANTS:
 *  - credentials are sent by one log-in at a time; who waits for it uses its session;
 *  - a session that is lost costs one log-in, not one for each partner;
 *  - credentials that were refused are not sent again before a pause that doubles, unless they have changed.
 */
import { createHash } from 'node:crypto';
import { type Clock, Mom4cError } from '@mom4c/core';
import { type CookieJar, createCookieJar } from './cookie-jar.ts';

export type IdpStatus = {
  readonly idp: string;
  /** Milliseconds since 1970, all of them. */
  readonly lastLogIn: number | undefined;
  readonly logIns: number;
  /** A session that is believed to live; `until` where the identity provider says so. */
  readonly session: { readonly since: number; readonly until: number | undefined } | undefined;
  /** The last answer that was none. */
  readonly fault:
    | { readonly code: string; readonly detail: string | undefined; readonly at: number }
    | undefined;
  /** Not before; after credentials were refused. */
  readonly nextTry: number | undefined;
  /** What that means for links, for a person. */
  readonly means: string;
};

/** What the identity provider answered with. */
export type Answered<Value> = { readonly value: Value; readonly sessionUntil: number | undefined };

/** One walk to the identity provider.
 *  @param credentials to log in with; undefined: show the session only
 *  @returns undefined if it wants credentials
 *  @throws Mom4cError M4C_IDP_LOGIN, M4C_IDP_UNREACHABLE, M4C_IDP_ANSWER */
export type Walk<Credentials, Value> = (
  jar: CookieJar,
  credentials: Credentials | undefined,
) => Promise<Answered<Value> | undefined>;

export type IdpSession<Credentials> = {
  /** @param origin of the identity provider: cookies are for it alone */
  answer<Value>(origin: string, walk: Walk<Credentials, Value>, signal: AbortSignal): Promise<Value>;
  status(idp: string): IdpStatus;
};

type Session = {
  readonly origin: string;
  readonly jar: CookieJar;
  readonly since: number;
  until: number | undefined;
};

const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** @param credentials read anew for each log-in, so that they may be changed under way; its text is what may change */
export function createIdpSession<Credentials>(
  credentials: () => Credentials,
  clock: Clock,
): IdpSession<Credentials> {
  let session: Session | undefined;
  let logIns = 0;
  let lastLogIn: number | undefined;
  let fault: IdpStatus['fault'];
  let refused: { readonly hash: string; readonly pauseMs: number; readonly until: number } | undefined;
  let turn: Promise<void> = Promise.resolve();

  function live(): Session | undefined {
    if (session && ((session.until ?? Infinity) <= clock.now() || session.jar.isEmpty)) session = undefined;
    return session;
  }

  /** @returns undefined if there is no session, or none any more */
  async function show<Value>(
    origin: string,
    walk: Walk<Credentials, Value>,
  ): Promise<Answered<Value> | undefined> {
    const shown = live();
    if (shown?.origin !== origin) return undefined;
    const answered = await walk(shown.jar, undefined);
    fault = undefined;
    if (!answered && session === shown) session = undefined;
    if (answered?.sessionUntil !== undefined) shown.until = answered.sessionUntil;
    return answered;
  }

  async function logIn<Value>(origin: string, walk: Walk<Credentials, Value>): Promise<Answered<Value>> {
    const shown = credentials();
    const hash = createHash('sha256').update(JSON.stringify(shown)).digest('hex');
    const waits = refused && refused.hash === hash ? refused.until - clock.monotonic() : 0;
    if (waits > 0)
      throw new Mom4cError(
        'M4C_IDP_LOGIN',
        `refused before; they are tried again in ${Math.ceil(waits / 1000)} s`,
      );
    // Of its own: an answer to somebody who still shows the old session must not put that one's cookies in here.
    const jar = createCookieJar(origin, clock);
    try {
      const answered = await walk(jar, shown);
      if (!answered) throw new Mom4cError('M4C_IDP_LOGIN', 'it asks for credentials again');
      logIns += 1;
      lastLogIn = clock.now();
      session = { origin, jar, since: lastLogIn, until: answered.sessionUntil };
      refused = undefined;
      fault = undefined;
      return answered;
    } catch (error) {
      if (error instanceof Mom4cError && error.code === 'M4C_IDP_LOGIN') {
        const before = refused?.hash === hash ? refused.pauseMs : FIRST_PAUSE_MS / 2;
        const pauseMs = Math.min(before * 2, LONGEST_PAUSE_MS);
        refused = { hash, pauseMs, until: clock.monotonic() + pauseMs };
      }
      throw error;
    }
  }

  /** Waits for its turn as long as the caller lives. */
  async function inTurn<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const before = turn;
    const { promise, resolve: done } = Promise.withResolvers<void>();
    turn = before.then(() => promise);
    try {
      await Promise.race([before, aborted(signal)]);
      if (signal.aborted) throw new Mom4cError('M4C_PARTNER_STREAM', 'it ended');
      return await work();
    } finally {
      done();
    }
  }

  return {
    async answer(origin, walk, signal) {
      try {
        const seen = logIns;
        const shown = await show(origin, walk);
        if (shown) return shown.value;
        return await inTurn(async () => {
          const others = logIns === seen ? undefined : await show(origin, walk);
          return (others ?? (await logIn(origin, walk))).value;
        }, signal);
      } catch (error) {
        if (error instanceof Mom4cError) fault = { code: error.code, detail: error.detail, at: clock.now() };
        throw error;
      }
    },
    status: (idp) => {
      const current = live();
      const nextTry =
        refused && refused.until > clock.monotonic()
          ? clock.now() + refused.until - clock.monotonic()
          : undefined;
      return {
        idp,
        lastLogIn,
        logIns,
        session: current && { since: current.since, until: current.until },
        fault,
        nextTry,
        means: meaning(current !== undefined, fault?.code),
      };
    },
  };
}

function meaning(isLive: boolean, fault: string | undefined): string {
  if (fault === 'M4C_IDP_UNREACHABLE')
    return `Links that are up go on. No new link can be made, in either direction, until the identity provider answers; ${isLive ? 'no log-in is needed then' : 'a log-in is needed then'}.`;
  if (fault === 'M4C_IDP_LOGIN')
    return 'Links that are up go on. New links to partners need other credentials.';
  return isLive ? 'New links need no log-in.' : 'The next link logs in.';
}

/** Resolves when the signal is aborted; the listener goes with the signal of one log-in. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
