/** Getting online, and coming back: ever more slowly, with full jitter. */
import {
  jitteredBackoff,
  Mom4cError,
  pause,
  type Clock,
  type ErrorCode,
  type Log,
  type Random,
} from '@mom4c/core';

/** @typeParam Stream a client's or a component's */
export type Loop<Stream> = {
  /** Who gets online, for the log. */
  readonly jid: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted by whoever wants the loop to end. */
  readonly ended: AbortSignal;
  /** A stream that is logged in. @throws Mom4cError */
  establish(): Promise<Stream>;
  /** Resolves when the stream has ended, with the reason. */
  live(stream: Stream): Promise<Mom4cError>;
  /** The stream was lost, and it is tried again. */
  onOffline(error: Mom4cError): void;
};

const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 30_000;

const ENDING: ReadonlySet<ErrorCode> = new Set([
  'M4C_XMPP_LOGIN',
  'M4C_XMPP_CONFLICT',
  'M4C_CERTIFICATE_INVALID',
]);

/** @param onFirst online for the first time
 *  @throws Mom4cError M4C_STOPPED, or what ends the session for good */
export async function keepOnline<Stream>(loop: Loop<Stream>, onFirst: () => void): Promise<never> {
  const { jid, log, clock, random, ended } = loop;
  const backoff = jitteredBackoff({ baseMs: BACKOFF_BASE_MS, capMs: BACKOFF_CAP_MS, random });
  let wasOnline = false;
  let outage: ErrorCode | undefined;
  while (!ended.aborted) {
    let error: Mom4cError;
    try {
      const current = await loop.establish();
      const since = clock.monotonic();
      log.info({ jid }, outage ? 'online again' : 'online');
      outage = undefined;
      wasOnline = true;
      onFirst();
      error = await loop.live(current);
      // Whoever is thrown out at once comes back ever more slowly.
      if (clock.monotonic() - since >= BACKOFF_CAP_MS) backoff.reset();
      if (!ended.aborted && !ENDING.has(error.code)) loop.onOffline(error);
    } catch (thrown) {
      if (!(thrown instanceof Mom4cError)) throw thrown;
      error = thrown;
    }
    if (ended.aborted) break;
    // A wrong server certificate at the first log-in is a fault of the configuration; later it may be an attack on
    // the way, which must not stop us for good.
    if (ENDING.has(error.code) || (error.code === 'M4C_TLS' && !wasOnline)) throw error;
    if (outage !== error.code)
      log.warn({ code: error.code, detail: error.detail, jid }, 'offline, trying to come back');
    outage = error.code;
    await pause(backoff.next(), clock, ended);
  }
  throw new Mom4cError('M4C_STOPPED');
}
