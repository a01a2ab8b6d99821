/**
 * `npm run bench -- federation [--log-ins 40] [--seconds 5] [--levels 1,5,10,20,40] [--server ejabberd|prosody] [--json FILE] [--page]`
 *
 * What federation costs: log-in cold and warm beside EXTERNAL, and pings through two gateways beside the same on one
 * server. In turn, log-in by log-in and second by second, so that a machine that slows down slows all of them down;
 * compare ratios, not figures of two runs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startLab, xmppServerKind } from '@mom4c/lab';
import { makeRunFolder } from '../support/run-folder.ts';
import { figureOf, pooled } from './common/figures.ts';
import type { Figure, Usage } from './common/figures.ts';
import type { Measured } from './common/closed-loop.ts';
import { about, placed } from './common/report.ts';
import { logInFigures, tablesOf } from './federation/figures.ts';
import type { Report } from './federation/figures.ts';
import { measureLogIns } from './federation/log-ins.ts';
import { openWays } from './federation/ways.ts';
import type { Way, Ways } from './federation/ways.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const PAGE = join(DOCS, 'benchmark-federation.md');
const [NEAR, FAR] = ['alpha.test', 'beta.test'];
const WARM_UP_IN_FLIGHT = 40;

const { values } = parseArgs({
  options: {
    'log-ins': { type: 'string', default: '40' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '10' },
    levels: { type: 'string', default: '1,5,10,20,40' },
    /** In flight, where processor time is taken. */
    'cost-at': { type: 'string', default: '20' },
    server: { type: 'string', default: 'ejabberd' },
    json: { type: 'string' },
    /** Puts the tables into docs/benchmark-federation.md and the figures beside it. */
    page: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const server = xmppServerKind(values.server);
const levels = values.levels.split(',').map(Number);

const logIns = logInFigures(await measureLogIns(Number(values['log-ins']), progress));
const figures = await measureWays();
publish({ ...about(), server, secondsEach: seconds, logIns, ways: figures });

async function measureWays(): Promise<Figure[]> {
  const folder = makeRunFolder('bench');
  const lab = await startLab({ ...folder.lab, domains: [NEAR, FAR], server, executors: 0, idp: true });
  try {
    const opened = await openWays(lab, lab.domain(NEAR), lab.domain(FAR));
    try {
      for (const way of opened.all) {
        progress(`warming up: ${way.name}`);
        await way.load({ inFlight: WARM_UP_IN_FLIGHT, seconds: Number(values['warm-up']) });
      }
      const found: Figure[] = [];
      for (const inFlight of levels) found.push(...(await level(opened, inFlight)));
      return found;
    } finally {
      await opened.stop();
    }
  } finally {
    await lab.down();
    folder.remove();
  }
}

type Slice = { readonly measured: Measured; readonly used: Usage };

/** A second of each way, and again. */
async function level(ways: Ways, inFlight: number): Promise<Figure[]> {
  const { all } = ways;
  const slices = all.map((): Slice[] => []);
  for (let second = 0; second < seconds; second += 1)
    for (const [index, way] of all.entries()) slices[index]!.push(await slice(way, ways, inFlight));
  return all.map(({ name }, index) => {
    const measured = pooled(slices[index]!.map((one) => one.measured));
    const figure = figureOf(name, inFlight, measured, {}, sum(slices[index]!.map(({ used }) => used)));
    const { perSecond, p50, p99 } = figure;
    progress(`${inFlight} in flight, ${name}: ${perSecond}/s, p50 ${p50} ms, p99 ${p99} ms`);
    return figure;
  });
}

async function slice(way: Way, ways: Ways, inFlight: number): Promise<Slice> {
  const before = ways.usage();
  const measured = await way.load({ inFlight, seconds: 1 });
  const after = Object.entries(ways.usage());
  const used = after.map(([name, { cpu }]) => [name, { cpu: cpu - before[name]!.cpu }] as const);
  return { measured, used: Object.fromEntries(used) };
}

function sum(each: readonly Usage[]): Usage {
  const names = Object.keys(each[0]!);
  const of = (name: string): number => each.reduce((total, usage) => total + usage[name]!.cpu, 0);
  return Object.fromEntries(names.map((name) => [name, { cpu: of(name) }]));
}

function publish(report: Report): void {
  const tables = tablesOf(report, Number(values['cost-at']));
  console.log(tables);
  const json = `${JSON.stringify(report, undefined, 1)}\n`;
  if (values.json !== undefined) writeFileSync(values.json, json);
  if (!values.page) return;
  writeFileSync(join(DOCS, 'benchmark-federation.json'), json);
  writeFileSync(PAGE, placed(readFileSync(PAGE, 'utf8'), 'federation', tables));
}

function progress(line: string): void {
  console.error(line);
}
