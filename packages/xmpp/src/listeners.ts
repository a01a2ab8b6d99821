/** Listeners that cannot hurt who calls them: what one throws, or its promise rejects with, goes to the log. */
import { Mom4cError, type Log } from '@mom4c/core';

export type Listener<Value> = (value: Value) => void | undefined | Promise<void>;

export type Listeners<Value> = {
  /** @returns removes it again */
  add(listener: Listener<Value>): () => void;
  /** For what nobody waits for. */
  call(value: Value): void;
  /** @returns resolves when all listeners are done; nothing if they are already */
  deliver(value: Value): Promise<void> | undefined;
};

export function createListeners<Value>(what: string, log: Log): Listeners<Value> {
  const listeners = new Set<Listener<Value>>();

  function report(error: unknown): void {
    if (error instanceof Mom4cError)
      log.warn({ code: error.code, detail: error.detail, what }, 'a listener failed');
    else log.error({ err: error, what }, 'a fault in a listener');
  }

  function deliver(value: Value): Promise<void> | undefined {
    const pending: Promise<void>[] = [];
    for (const listener of [...listeners]) {
      try {
        const result = listener(value);
        if (result instanceof Promise) pending.push(result.catch(report));
      } catch (error) {
        report(error);
      }
    }
    return pending.length > 0 ? Promise.all(pending).then(() => {}) : undefined;
  }

  return {
    add(listener) {
      // A function added twice is two listeners.
      const own: Listener<Value> = (value) => listener(value);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    call(value) {
      void deliver(value);
    },
    deliver,
  };
}
