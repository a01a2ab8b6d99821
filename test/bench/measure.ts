/** Operations per second of processor time, so that what else the machine does disturbs the figures little. */

export type Operation = {
  readonly name: string;
  /** The operation that this one is set in relation to. */
  readonly baseline: string;
  run(): unknown;
};

export type Figure = {
  readonly name: string;
  /** Per second of processor time of this process, all threads; the median over the rounds. */
  readonly perCpuSecond: number;
  readonly baseline: string;
  /** `perCpuSecond` divided by that of the baseline. */
  readonly ratio: number;
};

const ROUNDS = 5;
const ROUND_MS = 250;
const WARM_UP_MS = 500;

/** Round by round through all operations, so that a machine that slows down slows all of them down. */
export async function measure(operations: readonly Operation[]): Promise<Figure[]> {
  for (const operation of operations) await runFor(WARM_UP_MS, operation);
  const rounds = new Map(operations.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const operation of operations) rounds.get(operation.name)!.push(await runFor(ROUND_MS, operation));
  const rate = (name: string): number => median(rounds.get(name)!);
  return operations.map(({ name, baseline }) => ({
    name,
    perCpuSecond: Math.round(rate(name)),
    baseline,
    ratio: Number((rate(name) / rate(baseline)).toFixed(3)),
  }));
}

/** @returns operations per second of processor time */
async function runFor(ms: number, operation: Operation): Promise<number> {
  const end = performance.now() + ms;
  const before = process.cpuUsage();
  let count = 0;
  while (performance.now() < end) {
    for (let n = 0; n < 20; n++) await operation.run();
    count += 20;
  }
  const { user, system } = process.cpuUsage(before);
  return (count / (user + system)) * 1e6;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

export function tableOf(figures: readonly Figure[]): string {
  const rows = [
    ['operation', 'per CPU s', 'µs', 'ratio to'],
    ...figures.map(({ name, perCpuSecond, baseline, ratio }) => [
      name,
      perCpuSecond.toLocaleString('en'),
      (1e6 / perCpuSecond).toFixed(0),
      `${ratio.toFixed(2)} ${baseline}`,
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      ([name, rate, time, ratio]) =>
        `${name!.padEnd(widths[0]!)}  ${rate!.padStart(widths[1]!)}  ${time!.padStart(widths[2]!)}  ${ratio}`,
    )
    .join('\n');
}
