/** Elements on their way to who handles them: in their order, the next when the promise of the last has settled. */
import type { Log } from '@mom4c/core';
import type { Element } from './element.ts';

/** Until the promise is settled nothing more is handed on. */
export type StanzaHandler = (element: Element) => void | Promise<void>;

export class HandOver {
  readonly #log: Log;
  readonly #onChange: () => void;
  #handler: StanzaHandler | undefined;
  #waiting: Element[] = [];
  #isHandling = false;

  /** @param onChange it has begun to handle something or to wait, or has done with it */
  constructor(log: Log, onChange: () => void) {
    this.#log = log;
    this.#onChange = onChange;
  }

  get hasHandler(): boolean {
    return this.#handler !== undefined;
  }

  get isHandling(): boolean {
    return this.#isHandling;
  }

  /** Something is there that nobody has begun with. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(element: Element): void {
    this.#waiting.push(element);
    this.#handOn();
  }

  /** @param first before what waits */
  begin(handler: StanzaHandler, first: readonly Element[] = []): void {
    this.#handler = handler;
    this.#waiting.unshift(...first);
    this.#handOn();
  }

  /** What waits is nobody's any more. */
  clear(): void {
    this.#waiting = [];
  }

  #handOn(): void {
    while (this.#handler && !this.#isHandling && this.#waiting.length > 0) {
      const work = this.#handle(this.#handler, this.#waiting.shift()!);
      if (!work) continue;
      this.#isHandling = true;
      void work.then(() => {
        this.#isHandling = false;
        this.#handOn();
      });
    }
    this.#onChange();
  }

  /** @returns nothing if it is done */
  #handle(handler: StanzaHandler, element: Element): Promise<void> | undefined {
    const report = (error: unknown): void =>
      this.#log.error({ err: error }, 'a fault while handling a stanza');
    try {
      return handler(element)?.catch(report);
    } catch (error) {
      report(error);
      return undefined;
    }
  }
}
