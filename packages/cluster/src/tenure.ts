/**
 * Holding the lease, for as long as it lasts: until five sixths of it after the last write that was acknowledged was begun.
 * Listeners are told of each change once.
 */
import type { Clock, Epoch, Log } from '@mom4c/core';

export type HoldingState = { holding: true; epoch: Epoch } | { holding: false; reason: LossReason };
export type LossReason =
  | 'lease ran out'
  | 'deposed'
  | 'not eligible'
  | 'generation raised'
  | 'handed over'
  | 'resigned'
  | 'stopped';

export type TenureOptions = {
  clock: Pick<Clock, 'monotonic' | 'after'>;
  log: Log;
  leaseMs: number;
  /** Its timer has come. */
  onEnd: () => void;
};

type Held = { readonly epoch: Epoch; until: number; renewAt: number };

export class Tenure {
  readonly #options: TenureOptions;
  readonly #listeners = new Set<(state: HoldingState) => void>();
  #held: Held | undefined;
  #cancelEnd = (): void => {};

  constructor(options: TenureOptions) {
    this.#options = options;
  }

  /** Looked at on the clock: a timer may be late. */
  get holding(): boolean {
    return this.#held !== undefined && this.#options.clock.monotonic() < this.#held.until;
  }

  /** Also one that has run out and was not noticed yet. */
  get held(): Readonly<Held> | undefined {
    return this.#held;
  }

  onChange(listener: (state: HoldingState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param startedAt when the write began @returns false if it took too long */
  begin(epoch: Epoch, startedAt: number): boolean {
    this.#held = { epoch, until: 0, renewAt: 0 };
    if (!this.extend(startedAt)) {
      this.#held = undefined;
      return false;
    }
    this.#options.log.info({ epoch }, 'took the lease');
    this.#tell({ holding: true, epoch });
    return true;
  }

  /** @param startedAt as above */
  extend(startedAt: number): boolean {
    const { clock, leaseMs, onEnd } = this.#options;
    const until = startedAt + (leaseMs * 5) / 6;
    const left = until - clock.monotonic();
    if (!this.#held || left <= 0) return false;
    Object.assign(this.#held, { until, renewAt: startedAt + leaseMs / 3 });
    this.#cancelEnd();
    this.#cancelEnd = clock.after(left, () => {
      this.lose('lease ran out');
      onEnd();
    });
    return true;
  }

  lose(reason: LossReason): void {
    if (!this.#held) return;
    this.#options.log.warn({ epoch: this.#held.epoch, reason }, 'does not hold the lease any more');
    this.#held = undefined;
    this.#cancelEnd();
    this.#tell({ holding: false, reason });
  }

  #tell(state: HoldingState): void {
    for (const listener of this.#listeners) listener(state);
  }
}
