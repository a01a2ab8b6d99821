/**
 * `npm run bench -- machines [--losses 10] [--role manager|streams|neither]… [--farewell crash|silence]… [--in-flight 8] [--rest 100]
 * [--away 14] [--lease 12] [--server ejabberd|prosody] [--json FILE] [--page]`, as root
 *
 * Three machines, each with a manager and a NATS server, under a steady load: what the loss of one whole machine is, by what
 * was on it and by whether it said goodbye.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startLab, xmppServerKind } from '@mom4c/lab';
import { openAdministrator } from '../support/administrator-session.ts';
import { countedActs } from '../support/counted-acts.ts';
import { noMachines } from '../support/lost-machines.ts';
import { makeRunFolder } from '../support/run-folder.ts';
import { percentile } from './common/figures.ts';
import { about, headOf, placed, table } from './common/report.ts';
import { loseMachine } from './fail-over/machine-loss.ts';
import type { Farewell, MachineLoss, Role } from './fail-over/machine-loss.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const PAGE = join(DOCS, 'benchmark-machines.md');
const EXECUTORS = ['te1', 'te2'];
/** Longer than any loss lasts. */
const TIMEOUT_MS = 60_000;
const ROLES: Readonly<Record<Role, string>> = {
  manager: 'the manager that leads',
  streams: "the streams' leader",
  neither: 'neither',
};
const FAREWELLS = ['crash', 'silence'] as const;

const { values } = parseArgs({
  options: {
    losses: { type: 'string', default: '10' },
    role: { type: 'string', multiple: true, default: Object.keys(ROLES) },
    farewell: { type: 'string', multiple: true, default: [...FAREWELLS] },
    'in-flight': { type: 'string', default: '8' },
    /** Milliseconds. */
    rest: { type: 'string', default: '100' },
    /** Seconds; longer than a lease. */
    away: { type: 'string', default: '14' },
    /** Seconds. */
    lease: { type: 'string', default: '12' },
    server: { type: 'string', default: 'ejabberd' },
    json: { type: 'string' },
    /** Puts the tables into docs/benchmark-machines.md and the figures beside it. */
    page: { type: 'boolean', default: false },
  },
});
if (noMachines) throw new Error(noMachines);
const server = xmppServerKind(values.server);
const [rounds, inFlight, rest, away, lease] = (['losses', 'in-flight', 'rest', 'away', 'lease'] as const).map(
  (name) => Number(values[name]),
) as [number, number, number, number, number];

const folder = makeRunFolder('bench');
const acts = countedActs(folder.path, EXECUTORS, TIMEOUT_MS);
const lab = await startLab({
  ...{ ...folder.lab, server, managers: 3, machines: 3, executors: EXECUTORS.length },
  nodeSettings: { ...acts.nodeSettings, cm: { lease: { seconds: lease } } },
});
try {
  const domain = lab.domains[0]!;
  const admin = await openAdministrator(domain, 'bench');
  const range = {
    domain,
    requester: admin.requester,
    acts,
    executors: EXECUTORS,
    inFlight,
    rest,
    away: away * 1000,
  };
  try {
    const measured: MachineLoss[] = [];
    // In turn, so that no class has the machine for itself while it is busier or hotter than else.
    for (let round = 1; round <= rounds; round++)
      for (const [role, farewell] of classes()) {
        const found = await loseMachine(range, role, farewell);
        measured.push(found);
        console.error(`${round}: ${JSON.stringify(found)}`);
      }
    publish(measured);
  } finally {
    await admin.close();
  }
} finally {
  await lab.down();
  await acts.close();
  folder.remove();
}

function classes(): [Role, Farewell][] {
  return (Object.keys(ROLES) as Role[])
    .filter((role) => values.role.includes(role))
    .flatMap((role) =>
      FAREWELLS.filter((farewell) => values.farewell.includes(farewell)).map((farewell): [Role, Farewell] => [
        role,
        farewell,
      ]),
    );
}

function publish(measured: readonly MachineLoss[]): void {
  const of = classes().map(([role, farewell]) => ({
    head: [ROLES[role], farewell],
    losses: measured.filter((loss) => loss.role === role && loss.farewell === farewell),
  }));
  const times = of.flatMap(({ head, losses }) => {
    const terms = losses.flatMap(({ role, takeOver }) => (role === 'manager' && takeOver ? [takeOver] : []));
    const rows: [string, number[]][] = [
      ['until the lease is taken', terms.map((term) => term.lease)],
      ['until a command is executed under the new epoch', terms.map((term) => term.executed)],
      ['until new requests are taken', terms.map((term) => term.open)],
      ['longest without an answer', losses.map(({ gaps }) => gaps.lost)],
      ['the same before the loss', losses.map(({ gaps }) => gaps.before)],
      ['the same after the return', losses.map(({ gaps }) => gaps.back)],
    ];
    return rows
      .filter(([, found]) => found.length > 0)
      .map(([what, found]) => [...head, String(found.length), what, ...spread(found)]);
  });
  const accounts = of.map(({ head, losses }) => {
    const sum = (count: (loss: MachineLoss) => number): string =>
      String(losses.reduce((total, loss) => total + count(loss), 0));
    return [
      ...head,
      sum(({ accepted }) => accepted),
      sum(({ lost }) => total(lost)),
      sum(({ twice }) => twice),
      sum(({ refused }) => total(refused)),
      sum(({ states }) => total(states) - (states.ok ?? 0)),
      sum(({ terms }) => terms),
    ];
  });
  const text = `${headOf(about())}, ${server}, lease ${lease} s, ${inFlight} requests in flight that rest ${rest} ms each; each machine is away for ${away} s.

Milliseconds:

${table(['on the lost machine', 'loss', 'times', 'what', 'least', 'p50', 'most'], times)}

What became of the commands:

${table(['on the lost machine', 'loss', 'accepted', 'lost', 'acted twice', 'refused', 'targets not ok', 'terms begun'], accounts)}`;
  console.log(text);
  const head = { ...about(), server, lease, inFlight, rest, away };
  const json = `${JSON.stringify({ ...head, measured }, undefined, 1)}\n`;
  if (values.json !== undefined) writeFileSync(values.json, json);
  if (!values.page) return;
  writeFileSync(join(DOCS, 'benchmark-machines.json'), json);
  writeFileSync(PAGE, placed(readFileSync(PAGE, 'utf8'), 'machines', text));
}

function spread(found: readonly number[]): string[] {
  const sorted = found.toSorted((a, b) => a - b);
  return [0, 0.5, 1].map((share) => percentile(sorted, share).toFixed(0));
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
