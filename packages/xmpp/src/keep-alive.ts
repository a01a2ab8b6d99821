/** A server that vanished without a word is noticed only by asking (XEP-0199 §4.2). */
import { Mom4cError, type Clock } from '@mom4c/core';
import type { XmlStream } from './stream.ts';

export type Silence = {
  /** After which we ask, milliseconds. */
  readonly afterMs: number;
  /** How long the answer may take. */
  readonly answerMs: number;
};

export const PING_AFTER_MS = 30_000;
export const PING_ANSWER_MS = 10_000;
export const LAST_LOOK_MS = 250;

/** Destroys the stream if it stays silent. Whatever moves `lastHeard` (monotonic, ms) counts as an answer.
 *  @param ping sends a ping and deals with its outcome
 *  @returns stops asking */
export function keepAlive(
  stream: Pick<XmlStream, 'lastHeard' | 'destroy'>,
  clock: Clock,
  ping: (timeoutMs: number) => void,
  { afterMs = PING_AFTER_MS, answerMs = PING_ANSWER_MS }: Partial<Silence> = {},
): () => void {
  let cancel = clock.after(afterMs, check);

  function check(): void {
    const silence = clock.monotonic() - stream.lastHeard;
    if (silence < afterMs) {
      cancel = clock.after(afterMs - silence, check);
      return;
    }
    const asked = clock.monotonic();
    const heard = (otherwise: () => void): void => {
      if (stream.lastHeard >= asked) check();
      else otherwise();
    };
    cancel = clock.after(answerMs, () =>
      heard(() => {
        // Timers come before octets: after a pause of our own the answer may lie in the socket, unread.
        cancel = clock.after(LAST_LOOK_MS, () =>
          heard(() => stream.destroy(new Mom4cError('M4C_XMPP_UNREACHABLE', 'the server has gone silent'))),
        );
      }),
    );
    ping(answerMs);
  }

  return () => cancel();
}
