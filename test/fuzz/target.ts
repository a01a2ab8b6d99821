/** What is fuzzed: one codec that takes octets from outside, and what must hold for every input. */

/** How inputs are made out of the seeds: see `mutate/`. */
export type Grammar = 'der' | 'xml' | 'json' | 'text';

/** `refused`: an error of the catalogue that this codec may give. Anything else is thrown, and is a finding. */
export type Verdict = 'accepted' | 'refused';

export type Target = {
  readonly name: string;
  readonly grammar: Grammar;
  /** Inputs of this target, in relation to others': what is cheap gets many. */
  readonly weight: number;
  /** Valid inputs, each of them accepted; the same octets at every call. */
  readonly seeds: readonly Uint8Array[];
  /** @throws whatever the codec throws that is no refusal; Finding where a promise of it is broken */
  run(input: Uint8Array): Promise<Verdict> | Verdict;
  /** Inputs of about that many octets, of the shapes that cost most: twice as many may take twice as long. */
  readonly costly?: readonly ((octets: number) => Uint8Array)[];
};

/** A promise that an accepted input breaks. */
export class Finding extends Error {
  override readonly name = 'Finding';
}
