/**
 * `npm run bench -- fail-over [--kills 50] [--hangs 5] [--in-flight 4] [--lease 12] [--server ejabberd|prosody] [--json FILE] [--page]`
 *
 * How long nobody commands: from SIGKILL, and from SIGSTOP, of the manager that leads until a task executor obeys the next
 * epoch, with commands under way all the time. What counts is said in docs/benchmark-fail-over.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startLab, xmppServerKind } from '@mom4c/lab';
import type { LabDomain } from '@mom4c/lab';
import { openAdministrator } from '../support/administrator-session.ts';
import { leaderOf, untilStandbys } from '../support/leader.ts';
import { makeRunFolder } from '../support/run-folder.ts';
import { steadyLoad } from '../support/steady-load.ts';
import { percentile } from './common/figures.ts';
import { about, headOf, placed, table } from './common/report.ts';
import { tail, takeOver } from './fail-over/timeline.ts';
import type { TakeOver } from './fail-over/timeline.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const PAGE = join(DOCS, 'benchmark-fail-over.md');
/** Of each row of the table. */
const WHAT = {
  lease: 'the lease is taken',
  executed: 'a command is carried out, or answered, under the new epoch',
  begun: 'a new command is begun',
  open: 'new requests are taken',
} as const;
const MANAGERS = ['cm1', 'cm2', 'cm3'];
const EXECUTORS = ['te1', 'te2'];

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    hangs: { type: 'string', default: '5' },
    'in-flight': { type: 'string', default: '4' },
    /** Seconds. */
    lease: { type: 'string', default: '12' },
    server: { type: 'string', default: 'ejabberd' },
    json: { type: 'string' },
    /** Puts the table into docs/benchmark-fail-over.md and the figures beside it. */
    page: { type: 'boolean', default: false },
  },
});
const server = xmppServerKind(values.server);
const [inFlight, lease] = [Number(values['in-flight']), Number(values.lease)];

type Way = { readonly name: string; readonly signal: NodeJS.Signals; readonly rounds: number };
const WAYS: readonly Way[] = [
  { name: 'SIGKILL', signal: 'SIGKILL', rounds: Number(values.kills) },
  { name: 'SIGSTOP', signal: 'SIGSTOP', rounds: Number(values.hangs) },
];

const folder = makeRunFolder('bench');
const lab = await startLab({
  ...{ ...folder.lab, server, managers: MANAGERS.length, executors: EXECUTORS.length },
  nodeSettings: { cm: { lease: { seconds: lease } } },
});
try {
  const domain = lab.domains[0]!;
  const admin = await openAdministrator(domain, 'bench');
  try {
    const measured: Record<string, TakeOver[]> = {};
    for (const { name, signal, rounds } of WAYS) {
      measured[name] = [];
      for (let round = 0; round < rounds; round++) {
        const found = await once(domain, admin.requester, signal);
        measured[name].push(found);
        console.error(`${name} ${round + 1}: ${JSON.stringify(found)}`);
      }
    }
    publish(measured);
  } finally {
    await admin.close();
  }
} finally {
  await lab.down();
  folder.remove();
}

async function once(
  domain: LabDomain,
  requester: Awaited<ReturnType<typeof openAdministrator>>['requester'],
  signal: NodeJS.Signals,
): Promise<TakeOver> {
  await untilStandbys(requester, MANAGERS.length - 1);
  const { name: lost } = await leaderOf(requester);
  const others = MANAGERS.filter((name) => name !== lost);
  const load = steadyLoad(requester, inFlight, (number) => ({
    ...{ name: 'ping', args: {}, targets: [EXECUTORS[number % EXECUTORS.length]!], timeout: 20_000 },
  }));
  await load.progress(20 * inFlight);
  const [managers, executors] = [others, EXECUTORS].map((names) =>
    names.map((name) => tail(domain.node(name).process!.logFile)),
  );
  const at = Date.now();
  domain.node(lost).signal(signal);
  await load.progress(10 * inFlight);
  const { lost: without, refused } = await load.end();
  if (Object.keys({ ...without, ...refused }).length > 0)
    throw new Error(`lost: ${JSON.stringify({ without, refused })}`);
  const { generation, counter } = (await leaderOf(requester)).epoch;
  const found = takeOver(
    at,
    `${generation}.${counter}`,
    managers!.flatMap((read) => read()),
    executors!.flatMap((read) => read()),
  );
  if (signal === 'SIGSTOP') domain.node(lost).signal('SIGCONT');
  else {
    await domain.node(lost).stop();
    await domain.node(lost).start();
  }
  return found;
}

function publish(measured: Readonly<Record<string, readonly TakeOver[]>>): void {
  const rows = Object.entries(measured).flatMap(([way, found]) =>
    (['lease', 'executed', 'begun', 'open'] as const).map((what) => {
      const sorted = found.map((one) => one[what]).toSorted((a, b) => a - b);
      const at = (share: number): string => percentile(sorted, share).toFixed(0);
      return [way, String(found.length), WHAT[what], at(0), at(0.5), at(0.99), at(1)];
    }),
  );
  const text = `${headOf(about())}, ${server}, lease ${lease} s, ${inFlight} requests in flight; milliseconds.\n\n${table(
    ['loss', 'times', 'until', 'least', 'p50', 'p99', 'most'],
    rows,
  )}`;
  console.log(text);
  const json = `${JSON.stringify({ ...about(), server, lease, inFlight, measured }, undefined, 1)}\n`;
  if (values.json !== undefined) writeFileSync(values.json, json);
  if (!values.page) return;
  writeFileSync(join(DOCS, 'benchmark-fail-over.json'), json);
  writeFileSync(PAGE, placed(readFileSync(PAGE, 'utf8'), 'fail-over', text));
}
