/** A time limit, and being called off, for what is done on a fresh stream. */
import { Mom4cError, type Clock } from '@mom4c/core';
import type { XmlStream } from './stream.ts';

/** From the first packet to the bound resource. */
export const LOGIN_MS = 20_000;

export type Limit = {
  readonly ms: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** For the error. */
  readonly what: string;
};

/** If the work fails, the stream is closed.
 *  @throws Mom4cError what the work throws; M4C_XMPP_UNREACHABLE */
export async function within<Value>(
  { ms, clock, signal, what }: Limit,
  stream: Pick<XmlStream, 'close' | 'closed' | 'destroy'>,
  work: () => Promise<Value>,
): Promise<Value> {
  const giveUp = (): void => stream.destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', `no ${what} in time`));
  const expire = clock.after(ms, giveUp);
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted) giveUp();
  try {
    return await work();
  } catch (error) {
    await stream.close();
    // What could not be sent says less than why.
    throw error instanceof Mom4cError && error.code === 'M4C_XMPP_OFFLINE'
      ? (await stream.closed).error
      : error;
  } finally {
    expire();
    signal?.removeEventListener('abort', giveUp);
  }
}
