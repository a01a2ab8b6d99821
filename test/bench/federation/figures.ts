/** What a run was, as figures and as tables. */
import { percentile, round } from '../common/figures.ts';
import type { Figure } from '../common/figures.ts';
import { headOf, table } from '../common/report.ts';
import type { About } from '../common/report.ts';
import { LOG_INS } from './log-ins.ts';
import type { LogIn, LogInKind } from './log-ins.ts';
import { PHASES } from './phases.ts';
import type { Phases } from './phases.ts';
import { WAYS } from './ways.ts';

export type LogInFigure = {
  readonly kind: LogInKind;
  readonly samples: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Of the p50 to that of EXTERNAL. */
  readonly ratio: number;
  /** The p50 of each, milliseconds. */
  readonly phases: Phases;
};

export type Report = About & {
  readonly server: string;
  readonly secondsEach: number;
  readonly logIns: readonly LogInFigure[];
  readonly ways: readonly Figure[];
};

export function logInFigures(made: readonly LogIn[]): LogInFigure[] {
  const of = (kind: LogInKind): readonly LogIn[] => made.filter((one) => one.kind === kind);
  const share = (values: readonly number[], part: number): number =>
    round(
      percentile(
        values.toSorted((a, b) => a - b),
        part,
      ),
      2,
    );
  const totals = (kind: LogInKind): number[] => of(kind).map(({ total }) => total);
  return LOG_INS.map((kind) => ({
    kind,
    samples: of(kind).length,
    p50: share(totals(kind), 0.5),
    p99: share(totals(kind), 0.99),
    ratio: round(share(totals(kind), 0.5) / share(totals('EXTERNAL'), 0.5), 1),
    phases: Object.fromEntries(
      PHASES.map((name) => [
        name,
        share(
          of(kind).map(({ phases }) => phases[name]),
          0.5,
        ),
      ]),
    ) as Phases,
  }));
}

/** A ping and its answer are two. */
const STANZAS = 2;

/** Markdown. @param costAt in flight, for the processor time */
export function tablesOf({ logIns, ways, ...report }: Report, costAt: number): string {
  const [direct, federated] = WAYS.map((name) => ways.filter(({ path }) => path === name));
  const levels = direct!.map((figure, index) => [figure, federated![index]!] as const);
  const times = ({ p50, p99 }: Figure): string => `${p50.toFixed(2)} / ${p99.toFixed(2)}`;
  const failed = ways.flatMap(({ errors }) => Object.values(errors)).reduce((sum, count) => sum + count, 0);
  const costs = ways.filter(({ inFlight }) => inFlight === costAt);
  const parts = [...new Set(costs.flatMap(({ cpu }) => Object.keys(cpu)))];
  const micros = (milliseconds = 0): string => ((milliseconds * 1000) / STANZAS).toFixed(0);
  const total = ({ cpu }: Figure): number => Object.values(cpu).reduce((sum, each) => sum + each, 0);
  return [
    `${headOf(report)}, ${report.server}, ${logIns[0]!.samples} log-ins of each kind, ${report.secondsEach} s for each ` +
      `figure of a way. Pings that failed: ${failed}.`,
    'From TCP connect to the first stanza, milliseconds; the phases are medians of their own:',
    table(
      ['log-in', 'p50', 'p99', 'times EXTERNAL', ...PHASES],
      logIns.map(({ kind, p50, p99, ratio, phases }) => [
        kind,
        ...[p50, p99, ratio, ...PHASES.map((name) => phases[name])].map((value) => value.toFixed(1)),
      ]),
    ),
    'A ping and its answer, milliseconds (p50 / p99), and pings per second:',
    table(
      ['in flight', ...WAYS, 'added to the p50', ...WAYS.map((name) => `${name}, per second`), 'share'],
      levels.map(([one, two]) => [
        String(one.inFlight),
        times(one),
        times(two),
        (two.p50 - one.p50).toFixed(2),
        one.perSecond.toFixed(0),
        two.perSecond.toFixed(0),
        (two.perSecond / one.perSecond).toFixed(2),
      ]),
    ),
    `Processor time per stanza with ${costAt} in flight, microseconds, by process:`,
    table(
      ['way', ...parts, 'all'],
      costs.map((figure) => [
        figure.path,
        ...parts.map((part) => micros(figure.cpu[part])),
        micros(total(figure)),
      ]),
    ),
  ].join('\n\n');
}
