/**
 * From `start` to the end: what a session and a component have in common. One stream at a time, coming back by itself
 * (session-loop.ts), logged out when somebody stops it.
 *
 * INVARIANTS
 * - It starts once. `start` settles once: when it is online for the first time, or with what has ended it.
 * - `onEnd` is called once, before `start` rejects or `stop` resolves.
 * - No stream outlives it: what is established after the end is closed at once.
 */
import { Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import { keepOnline } from './session-loop.ts';
import type { StreamEnd } from './stream.ts';

/** What a life needs of its streams. */
export type Mortal = { close(): Promise<void>; readonly closed: Promise<StreamEnd> };

export type LifeSettings<Stream extends Mortal> = {
  /** Who gets online, for the log. */
  readonly jid: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** A stream that is logged in. @throws Mom4cError */
  readonly establish: (ended: AbortSignal) => Promise<Stream>;
  /** Begins to use the stream. @returns called when it is lost */
  readonly use: (stream: Stream) => () => void;
  /** The stream was lost, and it is tried again. */
  readonly onOffline?: (error: Mom4cError) => void;
  /** By `stop`: M4C_STOPPED; else what ends it for good. */
  readonly onEnd: (error: Mom4cError) => void;
};

export type Life = {
  /** Resolves when online for the first time; keeps trying while the server cannot be reached.
   *  @throws Mom4cError what has ended it */
  start(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
};

export function createLife<Stream extends Mortal>(settings: LifeSettings<Stream>): Life {
  const { jid, log, clock, random, establish, use, onOffline = () => {}, onEnd } = settings;
  const ended = new AbortController();
  let running: Promise<void> | undefined;

  async function live(stream: Stream): Promise<Mom4cError> {
    const logOut = (): void => void stream.close();
    ended.signal.addEventListener('abort', logOut, { once: true });
    if (ended.signal.aborted) logOut();
    const lost = use(stream);
    const { error } = await stream.closed;
    ended.signal.removeEventListener('abort', logOut);
    lost();
    return error;
  }

  const loop = {
    ...{ jid, log, clock, random, live, onOffline },
    ended: ended.signal,
    establish: () => establish(ended.signal),
  };

  return {
    start(signal) {
      if (running) throw new Error('a life starts once');
      return new Promise((resolve, reject) => {
        const stop = (): void => ended.abort();
        const settled = (): void => signal?.removeEventListener('abort', stop);
        signal?.addEventListener('abort', stop, { once: true });
        if (signal?.aborted) stop();
        const started = (): void => {
          settled();
          resolve();
        };
        running = keepOnline(loop, started).catch((thrown: unknown) => {
          ended.abort();
          settled();
          const error =
            thrown instanceof Mom4cError
              ? thrown
              : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
          onEnd(error);
          reject(error);
        });
      });
    },
    async stop() {
      ended.abort();
      await running;
    },
  };
}
