/**
 * `npm run bench -- listsensors [--server ejabberd|prosody] [--seconds 5] [--levels 1,5,10,20,30,40] [--json FILE] [--page]`
 *
 * One lab, one XMPP server, one run: what a `listsensors` costs in the clear, signed, signed and sealed, and in the
 * product, with 1 to 40 of them in flight. Level by level through all paths, so that a machine that slows down slows
 * all of them down; compare ratios, not figures of two runs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startLab, xmppServerKind } from '@mom4c/lab';
import { makeRunFolder } from '../support/run-folder.ts';
import { figureOf } from './common/figures.ts';
import type { Figure } from './common/figures.ts';
import { about, placed } from './common/report.ts';
import { tablesOf } from './listsensors/figures.ts';
import type { Report } from './listsensors/figures.ts';
import { openPaths } from './listsensors/paths.ts';
import type { Path } from './listsensors/paths.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const PAGE = join(DOCS, 'benchmark.md');
const DOMAIN = 'alpha.test';
const WARM_UP = { inFlight: 40, seconds: 10 };
const SETTLE_SECONDS = 1;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: String(WARM_UP.seconds) },
    levels: { type: 'string', default: '1,5,10,20,30,40' },
    server: { type: 'string', default: 'ejabberd' },
    json: { type: 'string' },
    /** Puts the tables into docs/benchmark.md and the figures beside it. */
    page: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const server = xmppServerKind(values.server);
const levels = values.levels.split(',').map(Number);

const folder = makeRunFolder('bench');
const lab = await startLab({ ...folder.lab, domains: [DOMAIN], server, executors: 1 });
try {
  const paths = await openPaths(folder, lab.domain(DOMAIN));
  try {
    const figures: Figure[] = [];
    for (const path of paths.all) {
      progress(`warming up: ${path.name}`);
      await path.load({ ...WARM_UP, seconds: Number(values['warm-up']) });
    }
    for (const inFlight of levels) for (const path of paths.all) figures.push(await point(path, inFlight));
    publish({ ...about(), server, secondsEach: seconds, resultOctets: paths.resultOctets, figures });
  } finally {
    await paths.stop();
  }
} finally {
  await lab.down();
  folder.remove();
}

async function point(path: Path, inFlight: number): Promise<Figure> {
  // While the other paths were measured this one rested, and what it knew of the directory may have grown old.
  await path.load({ inFlight, seconds: SETTLE_SECONDS });
  const before = await path.usage();
  const measured = await path.load({ inFlight, seconds });
  const figure = figureOf(path.name, inFlight, measured, before, await path.usage());
  const { perSecond, p50, errors } = figure;
  progress(`${inFlight} in flight, ${path.name}: ${perSecond}/s, p50 ${p50} ms ${failures(errors)}`);
  return figure;
}

function failures(errors: Figure['errors']): string {
  return Object.entries(errors)
    .map(([code, count]) => `${count} × ${code}`)
    .join(', ');
}

function publish(report: Report): void {
  console.log(tablesOf(report));
  const json = `${JSON.stringify(report, undefined, 1)}\n`;
  if (values.json !== undefined) writeFileSync(values.json, json);
  if (!values.page) return;
  writeFileSync(join(DOCS, `benchmark-${report.server}.json`), json);
  writeFileSync(PAGE, placed(readFileSync(PAGE, 'utf8'), report.server, tablesOf(report)));
}

function progress(line: string): void {
  console.error(line);
}
