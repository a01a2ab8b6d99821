/** What a run was, as tables. */
import type { Figure } from '../common/figures.ts';
import { headOf, table } from '../common/report.ts';
import type { About } from '../common/report.ts';

export type Report = About & {
  readonly server: string;
  readonly secondsEach: number;
  /** Octets of the JSON of one answer, before protection. */
  readonly resultOctets: number;
  readonly figures: readonly Figure[];
};

/** Markdown. */
export function tablesOf(report: Report): string {
  const { figures } = report;
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
    `${headOf(report)}, ${report.server}, ` +
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
