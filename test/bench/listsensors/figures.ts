/** What was measured, as figures that can be compared, and as tables. */
import type { Measured } from './hop-protocol.ts';

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

type Usage = Readonly<Record<string, { cpu: number; lookups?: number }>>;

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

/** @param sorted ascending @returns NaN of nothing */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export type Report = {
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly server: string;
  readonly secondsEach: number;
  /** Octets of the JSON of one answer, before protection. */
  readonly resultOctets: number;
  readonly figures: readonly Figure[];
};

/** Puts the tables of a run in the place that the page marks for runs on this server. @throws Error if it marks none */
export function withTables(page: string, report: Report): string {
  const [begin, end] = [`<!-- ${report.server} -->`, `<!-- end ${report.server} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no place for ${report.server}`);
  return `${page.slice(0, from + begin.length)}\n${tablesOf(report)}\n${page.slice(to)}`;
}

/** Markdown. */
export function tablesOf(report: Report): string {
  const { figures, machine } = report;
  const paths = [...new Set(figures.map(({ path }) => path))];
  const levels = [...new Set(figures.map(({ inFlight }) => inFlight))];
  const at = (path: string, level: number) =>
    figures.find((figure) => figure.path === path && figure.inFlight === level)!;
  const perLevel = (cell: (figure: Figure) => string): string =>
    table(
      ['in flight', ...paths],
      levels.map((level) => [String(level), ...paths.map((path) => cell(at(path, level)))]),
    );
  const most = levels.at(-1)!;
  const parts = [...new Set(figures.flatMap(({ cpu }) => Object.keys(cpu)))];
  const total = ({ cpu }: Figure): number => Object.values(cpu).reduce((sum, each) => sum + each, 0);
  const cpuRows = paths.map((path) => {
    const figure = at(path, most);
    const times = total(figure) / total(at('plain', most));
    const each = parts.map((part) => figure.cpu[part]?.toFixed(2) ?? '');
    return [path, ...each, total(figure).toFixed(2), times.toFixed(1)];
  });
  const lookups = figures.reduce((sum, figure) => sum + figure.lookups, 0);
  return [
    `Run of ${report.date.slice(0, 10)}, commit ${report.commit}: ${report.server}, Node ${machine.node.slice(1)}, ${machine.cores} cores (${machine.cpu}), ` +
      `${report.secondsEach} s for each figure, an answer of ${report.resultOctets} octets. Look-ups in the directory by the processes that were measured: ${lookups}.`,
    'Answers per second:',
    perLevel(({ perSecond }) => perSecond.toFixed(0)),
    'Time of an answer, milliseconds, p50 / p99:',
    perLevel(({ p50, p99 }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`),
    'Answers per second, as a share of `plain`:',
    perLevel(({ perSecond, inFlight }) => (perSecond / at('plain', inFlight).perSecond).toFixed(2)),
    `Processor time per answer with ${most} in flight, milliseconds, by process:`,
    table(['path', ...parts, 'all', 'times plain'], cpuRows),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
