/**
 * Text out to one socket, and its end in order.
 *
 * INVARIANT: what un-awaited writes pile up is bounded; so is the time for which a peer takes nothing, where that is asked for.
 */
import type { Socket } from 'node:net';
import { Mom4cError, type Clock } from '@mom4c/core';

export type SocketWriterSettings = {
  /** That of now: it may come to be wrapped in TLS. */
  readonly socket: () => Socket;
  readonly clock: Clock;
  /** Why something was not written. */
  readonly failure: (error: Error) => Mom4cError;
  /** The peer has taken nothing for `WRITE_MS`. */
  readonly onStalled?: () => void;
};

export type SocketWriter = {
  /** Of all that was written. */
  readonly octets: number;
  /** Resolves when the system has taken it. @throws Mom4cError M4C_BUSY, or what `failure` says */
  write(text: string): Promise<void>;
  /** Says it and closes. @param force called if the socket has not closed within a second */
  end(text: string, force: () => void): void;
  /** The socket is closed: no timer stays. */
  closed(): void;
};

/** What un-awaited writes may pile up, octets. */
const MAX_UNSENT = 8 * 1024 * 1024;
export const WRITE_MS = 30_000;
const CLOSE_MS = 1_000;

export function createSocketWriter(settings: SocketWriterSettings): SocketWriter {
  const { socket, clock, failure, onStalled } = settings;
  let octets = 0;
  /** Writes that the system has not taken, and when it last took one. */
  let unsent = 0;
  let lastTaken = 0;
  let cancelWatch: (() => void) | undefined;
  let cancelForce: (() => void) | undefined;

  function watch(afterMs: number): void {
    cancelWatch?.();
    if (!onStalled) return;
    cancelWatch = clock.after(afterMs, () => {
      const waited = clock.monotonic() - lastTaken;
      if (waited >= WRITE_MS) onStalled();
      else watch(WRITE_MS - waited);
    });
  }

  return {
    get octets() {
      return octets;
    },
    write(text) {
      if (socket().writableLength > MAX_UNSENT)
        return Promise.reject(new Mom4cError('M4C_BUSY', 'too much waits to be sent'));
      octets += Buffer.byteLength(text);
      if (unsent === 0) {
        lastTaken = clock.monotonic();
        watch(WRITE_MS);
      }
      unsent += 1;
      return new Promise((resolve, reject) => {
        socket().write(text, (error) => {
          unsent -= 1;
          lastTaken = clock.monotonic();
          if (unsent === 0) cancelWatch?.();
          if (error) reject(failure(error));
          else resolve();
        });
      });
    },
    end(text, force) {
      const own = socket();
      if (own.connecting) own.destroy();
      else if (!own.destroyed) own.end(text);
      cancelForce = clock.after(CLOSE_MS, force);
    },
    closed() {
      cancelWatch?.();
      cancelForce?.();
    },
  };
}
