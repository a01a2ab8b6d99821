/**
 * A stream that is logged in and has no resource yet, for an address that must be claimed at once when its time comes: what is
 * left then is one question and its answer (RFC 6120 §7). The server knows whose it is, delivers nothing to it, and shows it
 * to nobody.
 *
 * INVARIANTS
 * - At most one is kept, and each is handed out once. A younger one is ready before an old one is given up.
 * - Whatever goes wrong with it is no fault of the session that asks for it: that logs in as if there were none.
 */
import {
  bareJid,
  jitteredBackoff,
  pause,
  systemClock,
  systemRandom,
  type Clock,
  type FullJid,
  type Log,
  type Random,
} from '@mom4c/core';
import type { Login } from './client.ts';
import type { Element } from './element.ts';
import { authenticate, bindResource } from './login.ts';
import { createExternal } from './sasl-external.ts';
import { createScram } from './sasl-scram.ts';
import { LOGIN_MS, within } from './stream-limit.ts';
import { createStream, type OnDropped, type XmlStream } from './stream.ts';
import { tlsOptions, type ClientTls, type Endpoint } from './tls.ts';

export type AccountSettings = Endpoint & {
  /** The wanted full address; without a password its bare part must be in the certificate. */
  readonly jid: FullJid;
  readonly tls: ClientTls;
  /** Log-in is by SASL SCRAM-SHA-256 then, and shows no certificate; without it by SASL EXTERNAL. */
  readonly password?: string | undefined;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: Random;
};

export type Spare = {
  /** Is there one now? */
  readonly ready: boolean;
  /** @returns the stream with its resource, if there is one and the server gives it; it is the caller's from then on */
  bind(onDropped: OnDropped, ended: AbortSignal): Promise<XmlStream | undefined>;
  /** Logs out. */
  stop(): Promise<void>;
};

type Ready = {
  readonly stream: XmlStream;
  readonly login: Login;
  readonly features: Element;
  readonly owner: { onDropped: OnDropped };
};

/** ejabberd gives up who has not asked for a resource within thirty seconds. */
const RENEW_MS = 20_000;
/** Whoever has just claimed an address has better to do. */
const REST_MS = 5_000;
/** A server that is there answers within milliseconds; from one that is not a log-in has to begin anew. */
const BIND_MS = 1_000;
const RETRY = { baseMs: 500, capMs: 30_000 };

/** One connection, with nothing said on it, and as whom it is to log in. */
export function freshStream(
  settings: AccountSettings,
  onDropped: OnDropped,
): { stream: XmlStream; login: Login } {
  const { jid, domain, password, log, clock = systemClock, random = systemRandom } = settings;
  const tls = tlsOptions(settings, password === undefined ? settings.tls : { ca: settings.tls.ca });
  const account = bareJid(jid);
  const sasl = password === undefined ? createExternal(account) : createScram(account, password, random);
  const login = { jid, sasl };
  return { login, stream: createStream({ domain, login, tls, log, clock, onDropped }) };
}

/** Begins to keep one, and tries on while the server cannot be reached. */
export function keepSpare(settings: AccountSettings): Spare {
  const { jid, log, clock = systemClock, random = systemRandom } = settings;
  const stopping = new AbortController();
  const { signal } = stopping;
  const backoff = jitteredBackoff({ ...RETRY, random });
  let kept: Ready | undefined;
  let onTaken = (): void => {};

  async function make(): Promise<Ready> {
    const owner: Ready['owner'] = { onDropped() {} };
    const { stream, login } = freshStream(settings, (reason) => owner.onDropped(reason));
    const limit = { ms: LOGIN_MS, clock, signal, what: 'log-in' };
    const features = await within(limit, stream, () => authenticate(stream, login));
    return { stream, login, features, owner };
  }

  /** Resolves when it is time for another one. */
  async function keep(ready: Ready): Promise<void> {
    const before = kept;
    kept = ready;
    void before?.stream.close();
    const over = new AbortController();
    const end = (): void => over.abort();
    onTaken = end;
    void ready.stream.closed.then(() => {
      if (kept === ready) kept = undefined;
      end();
    });
    signal.addEventListener('abort', end, { once: true });
    await pause(RENEW_MS, clock, over.signal);
    signal.removeEventListener('abort', end);
    // Taken, or ended by the server.
    if (over.signal.aborted) await pause(REST_MS, clock, signal);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        const ready = await make();
        backoff.reset();
        await keep(ready);
      } catch (error) {
        // The session of the same address says why, if it cannot log in either.
        log.debug({ err: error, jid }, 'no log-in ahead');
        await pause(backoff.next(), clock, signal);
      }
    }
    await kept?.stream.close();
  }
  const done = run();

  return {
    get ready() {
      return kept !== undefined;
    },
    async bind(onDropped, ended) {
      const ready = kept;
      if (!ready) return undefined;
      kept = undefined;
      onTaken();
      const { stream, login, features, owner } = ready;
      owner.onDropped = onDropped;
      const limit = { ms: BIND_MS, clock, signal: ended, what: 'resource' };
      try {
        await within(limit, stream, () => bindResource(stream, login, features));
        return stream;
      } catch (error) {
        log.debug({ err: error, jid }, 'the log-in ahead is of no use');
        return undefined;
      }
    },
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
