import { jitteredBackoff, pause } from '@mom4c/core';
import type { Member } from '@mom4c/member';

const RETRY = { baseMs: 200, capMs: 2_000 };

/** Opens what several servers hold together; those that have just started, or were lost, elect first. */
export async function awaitMajority<Value>(
  { clock, random, log, signal, errorOf }: Member,
  open: () => Promise<Value>,
): Promise<Value> {
  const backoff = jitteredBackoff({ ...RETRY, random });
  for (;;) {
    try {
      return await open();
    } catch (thrown) {
      if (errorOf(thrown).code !== 'M4C_NO_QUORUM' || signal.aborted) throw thrown;
      log.warn({ code: 'M4C_NO_QUORUM' }, 'the bus cannot be used yet, trying on');
      await pause(backoff.next(), clock, signal);
    }
  }
}
