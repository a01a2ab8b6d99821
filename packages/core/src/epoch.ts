/** Under which leadership something was said: (generation, counter), compared in this order. */
export type Epoch = {
  /** Raised by the authority of the domain alone, when the lease had to be made anew. */
  readonly generation: number;
  /** Of the times that the lease was taken in this generation; see docs/adr/0027. */
  readonly counter: number;
};

/** Needs no statement of the authority. */
export const FIRST_GENERATION = 1;

/** @returns less than, equal to or more than 0, as `a` is lower than, the same as or higher than `b` */
export function compareEpochs(a: Epoch, b: Epoch): number {
  return a.generation - b.generation || a.counter - b.counter;
}
