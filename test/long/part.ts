/** One test that takes too long for `npm test`. */

export type Options = {
  /** How long a soak loads what it tests. */
  readonly minutes: number;
  /** How often what is repeated is repeated; the part's own number where absent. */
  readonly rounds: number | undefined;
  readonly say: (line: string) => void;
};

export type PartResult = {
  /** What was counted, for the table: `requests: 7200`. */
  readonly counts: Readonly<Record<string, number | string>>;
  /** What must not be; none: passed. */
  readonly faults: readonly string[];
};

export type Part = {
  readonly name: string;
  readonly what: string;
  run(options: Options): Promise<PartResult>;
};
