/** What was measured, as figures that can be compared. */
import type { Measured } from './closed-loop.ts';

export type Figure = {
  readonly path: string;
  readonly inFlight: number;
  readonly answered: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Milliseconds of processor time per answer, by process. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Questions to the directory while it ran, of all processes that count them. */
  readonly lookups: number;
};

/** By process, since its start: seconds of processor time, and questions to the directory. */
export type Usage = Readonly<Record<string, { readonly cpu: number; readonly lookups?: number }>>;

export function figureOf(
  path: string,
  inFlight: number,
  { seconds, latencies, errors }: Measured,
  before: Usage,
  after: Usage,
): Figure {
  const answered = latencies.length;
  const used = (name: string): number => (after[name]!.cpu - (before[name]?.cpu ?? 0)) * 1000;
  const asked = (name: string): number => (after[name]!.lookups ?? 0) - (before[name]?.lookups ?? 0);
  const names = Object.keys(after);
  return {
    path,
    inFlight,
    answered,
    perSecond: round(answered / seconds, 1),
    p50: round(percentile(latencies, 0.5), 2),
    p99: round(percentile(latencies, 0.99), 2),
    errors,
    cpu: Object.fromEntries(names.map((name) => [name, round(used(name) / Math.max(1, answered), 3)])),
    lookups: names.reduce((total, name) => total + asked(name), 0),
  };
}

/** What was measured in several slices of time, as one. */
export function pooled(slices: readonly Measured[]): Measured {
  const errors: Record<string, number> = {};
  for (const slice of slices)
    for (const [code, count] of Object.entries(slice.errors)) errors[code] = (errors[code] ?? 0) + count;
  return {
    seconds: slices.reduce((sum, { seconds }) => sum + seconds, 0),
    latencies: slices.flatMap(({ latencies }) => latencies).toSorted((a, b) => a - b),
    errors,
  };
}

/** @param sorted ascending @returns NaN of nothing */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
