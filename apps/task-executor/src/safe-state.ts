/**
 * A node that no manager leads brings its actuators to their safe values, once, and again only after it was led again.
 */
import type { Clock } from '@mom4c/core';

export type SafeStateOptions = {
  /** Does a manager lead it now? */
  readonly isLed: () => boolean;
  /** How long it may be without one, ms. */
  readonly after: number;
  readonly makeSafe: () => void;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly signal: AbortSignal;
};

/** How often it looks: a statement ends by the clock, without an event. */
const LOOK_MS = 500;

/** Counts from now on. */
export function watchLeader({ isLed, after, makeSafe, clock, signal }: SafeStateOptions): void {
  /** Since it was first seen to be without; undefined: it is led. */
  let since: number | undefined = clock.monotonic();
  let isSafe = false;
  let cancel = (): void => {};
  const look = (): void => {
    const now = clock.monotonic();
    if (isLed()) {
      since = undefined;
      isSafe = false;
    } else {
      since ??= now;
      if (!isSafe && now - since >= after) {
        isSafe = true;
        makeSafe();
      }
    }
    cancel = clock.after(LOOK_MS, look);
  };
  cancel = clock.after(LOOK_MS, look);
  signal.addEventListener('abort', () => cancel(), { once: true });
}
