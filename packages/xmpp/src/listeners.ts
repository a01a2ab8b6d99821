/** Listeners that cannot hurt who calls them: what one throws, or its promise rejects with, goes to the log. */
import { Mom4cError, type Log } from '@mom4c/core';

export type Listener<Value> = (value: Value) => void | undefined | Promise<void>;

export type Listeners<Value> = {
  /** @returns removes it again */
  add(listener: Listener<Value>): () => void;
  /** @returns false if the cap of running listeners was reached and nobody was called */
  call(value: Value): boolean;
};

/** @param maxRunning how many promises of listeners may be pending at once */
export function createListeners<Value>(what: string, log: Log, maxRunning = Infinity): Listeners<Value> {
  const listeners = new Set<Listener<Value>>();
  let running = 0;

  function report(error: unknown): void {
    if (error instanceof Mom4cError)
      log.warn({ code: error.code, detail: error.detail, what }, 'a listener failed');
    else log.error({ err: error, what }, 'a fault in a listener');
  }

  return {
    add(listener) {
      // A function added twice is two listeners.
      const own: Listener<Value> = (value) => listener(value);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    call(value) {
      if (running >= maxRunning) return false;
      for (const listener of [...listeners]) {
        try {
          const result = listener(value);
          if (!(result instanceof Promise)) continue;
          running += 1;
          result.catch(report).finally(() => (running -= 1));
        } catch (error) {
          report(error);
        }
      }
      return true;
    },
  };
}
