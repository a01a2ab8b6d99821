import type { Clock } from './clock.ts';

export type Deadline = {
  /** Fires after the time, or with the parent. */
  readonly signal: AbortSignal;
  /** To be called when the work is done: neither a timer nor a listener stays behind. */
  clear(): void;
};

/**
 * What `AbortSignal.any([parent, AbortSignal.timeout(ms)])` would be, for work that is done many times under one
 * long-lived parent: that one keeps its signal and its timer until the time is over, however soon the work was done.
 * @param ms milliseconds of monotonic time
 */
export function deadlineWithin(parent: AbortSignal, ms: number, clock: Pick<Clock, 'after'>): Deadline {
  const own = new AbortController();
  const abort = (): void => {
    clear();
    own.abort();
  };
  const cancel = clock.after(ms, abort);
  const clear = (): void => {
    cancel();
    parent.removeEventListener('abort', abort);
  };
  parent.addEventListener('abort', abort, { once: true });
  if (parent.aborted) abort();
  return { signal: own.signal, clear };
}
