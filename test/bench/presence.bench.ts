/**
 * `npm run bench -- presence [--clients 1000] [--steady 120] [--server ejabberd|prosody] [--json FILE] [--page]`
 *
 * What a thousand task executors' directed presence costs server and manager; how soon the loss of one of them is noticed; and when
 * the next manager has all of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { EventRecord } from '@mom4c/core';
import { familyOf, startLab, xmppServerKind } from '@mom4c/lab';
import type { LabDomain } from '@mom4c/lab';
import { EventWatcher, currentManagers } from '@mom4c/member';
import { openAdministrator } from '../support/administrator-session.ts';
import type { AdministratorSession } from '../support/administrator-session.ts';
import { cuttableProxy } from '../support/cuttable-proxy.ts';
import { parseExposition } from '../support/exposition.ts';
import { stealIdentity } from '../support/hostile-client.ts';
import { leaderOf, untilStandbys } from '../support/leader.ts';
import { makeRunFolder } from '../support/run-folder.ts';
import { percentile, round } from './common/figures.ts';
import { startForked } from './common/forked.ts';
import { processUsage } from './common/process-usage.ts';
import { about, headOf, placed, table } from './common/report.ts';
import type { FromCrowd, ToCrowd } from './presence/crowd-protocol.ts';
import { makeCrowd } from './presence/crowd-identities.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const PAGE = join(DOCS, 'benchmark-presence.md');
const LOOK_MS = 20;
/** Whose connection ends, and whose goes silent: each behind a relay of its own. */
const CUT = 50;
const SILENT = 20;
const ROUNDS = 3;

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' },
    /** Seconds. */
    steady: { type: 'string', default: '120' },
    server: { type: 'string', default: 'ejabberd' },
    json: { type: 'string' },
    /** Puts the table into docs/benchmark-presence.md and the figures beside it. */
    page: { type: 'boolean', default: false },
  },
});
const server = xmppServerKind(values.server);
const [clients, steady] = [Number(values.clients), Number(values.steady)];

type Row = readonly [what: string, figure: string];
const rows: Row[] = [];
const note = (what: string, figure: string): void => {
  rows.push([what, figure]);
  console.error(`${what}: ${figure}`);
};

const folder = makeRunFolder('bench');
const lab = await startLab({ ...folder.lab, server, managers: 2, executors: 0 });
const crowd = startForked<ToCrowd, FromCrowd>(join(import.meta.dirname, 'presence/crowd.ts'));
const relays: Awaited<ReturnType<typeof cuttableProxy>>[] = [];
try {
  const domain = lab.domains[0]!;
  const admin = await openAdministrator(domain, 'bench');
  try {
    await measure(domain, admin);
  } finally {
    await admin.close();
  }
} finally {
  await crowd.stop();
  await lab.down();
  await Promise.all(relays.map((relay) => relay.close()));
  folder.remove();
}
publish();

async function measure(domain: LabDomain, admin: AdministratorSession): Promise<void> {
  await untilStandbys(admin.requester, 1);
  const { name: leader } = await leaderOf(admin.requester);
  const standby = leader === 'cm1' ? 'cm2' : 'cm1';
  const { port, host } = domain.describe().xmpp;
  const members = await makeCrowd(
    domain,
    await stealIdentity(lab.folder, domain.name, 'certificate-authority'),
    clients,
  );
  for (let n = 0; n < CUT + SILENT; n++) {
    relays.push(await cuttableProxy(port));
    members[n] = { ...members[n]!, port: relays[n]!.port };
  }
  const before = memoryOf(domain, leader);
  const managers = (await currentManagers(admin.member)).map(({ der }) => der);
  const { ca } = admin.member.tls;

  const loggedIn = await timed(domain, leader, () =>
    crowd.call({ type: 'log in', domain: domain.name, host, port, ca, members, managers }, 'logged in'),
  );
  note(`${clients} register and log in`, costs(loggedIn));
  note(
    'join: letter to the manager, membership, room',
    costs(await timed(domain, leader, () => crowd.call({ type: 'join' }, 'joined'))),
  );
  const announce = async (): Promise<void> => {
    const heard = await metric(domain, leader, 'mom4c_letters_total', 'verified');
    await crowd.call({ type: 'announce' }, 'announced');
    while ((await metric(domain, leader, 'mom4c_letters_total', 'verified')) < heard + clients)
      await pause(LOOK_MS);
  };
  note('first presences: the manager has seen all', costs(await timed(domain, leader, announce)));
  for (let n = 0; n < ROUNDS; n++)
    note(`presences of all again, spread over 1 s (${n + 1})`, costs(await timed(domain, leader, announce)));
  const present = await metric(domain, leader, 'mom4c_executors_present');
  if (present !== clients) throw new Error(`${present} present`);
  note('memory of the manager, without and with them', `${before} MB, ${memoryOf(domain, leader)} MB`);

  const pings = await metric(domain, leader, 'mom4c_heartbeat_pings_total');
  const idle = await timed(domain, leader, () => pause(steady * 1000));
  const asked = (await metric(domain, leader, 'mom4c_heartbeat_pings_total')) - pings;
  note('at rest: pings a minute, and as many answers', ((asked / idle.seconds) * 60).toFixed(0));
  note(
    'at rest: processor time a minute',
    `server ${perMinute(idle.server, idle)} s, manager ${perMinute(idle.manager, idle)} s`,
  );

  const lost = watchLosses(admin);
  await lost.watching;
  const cut: number[] = [];
  for (let n = 0; n < CUT; n++) {
    const at = performance.now();
    relays[n]!.refuse();
    relays[n]!.cut();
    cut.push((await lost.of(members[n]!.name)) - at);
  }
  note(`a connection that ends: until the watcher has the alarm (${cut.length})`, `${spread(cut, 1)} ms`);
  const at = performance.now();
  const silent = await Promise.all(
    members.slice(CUT, CUT + SILENT).map(async ({ name }, n) => {
      relays[CUT + n]!.hold();
      return (await lost.of(name)) - at;
    }),
  );
  note(
    `a connection that goes silent (${silent.length})`,
    `${spread(
      silent.map((ms) => ms / 1000),
      1,
    )} s`,
  );
  await lost.stop();

  const left = clients - CUT - SILENT;
  const heard = await metric(domain, standby, 'mom4c_letters_total', 'verified');
  const killed = performance.now();
  domain.node(leader).signal('SIGKILL');
  while ((await metric(domain, standby, 'mom4c_manager_leads')) < 1) await pause(LOOK_MS);
  while ((await metric(domain, standby, 'mom4c_executors_present')) < left) await pause(LOOK_MS);
  note(
    'SIGKILL of the manager: until the next one leads and knows who is there',
    `${(performance.now() - killed).toFixed(0)} ms`,
  );
  while ((await metric(domain, standby, 'mom4c_letters_total', 'verified')) < heard + left)
    await pause(LOOK_MS);
  note('… until all have announced themselves to it anew', `${(performance.now() - killed).toFixed(0)} ms`);
}

type Cost = { readonly seconds: number; readonly server: number; readonly manager: number };

/** Seconds of processor time, of the server with all of its processes. */
async function timed(domain: LabDomain, leader: string, work: () => Promise<unknown>): Promise<Cost> {
  const used = (): number[] => [
    familyOf(domain.xmppServer.process!).reduce((sum, { pid }) => sum + processUsage(pid), 0),
    processUsage(domain.node(leader).process!.pid),
  ];
  const [serverBefore, managerBefore] = used();
  const begun = performance.now();
  await work();
  const seconds = (performance.now() - begun) / 1000;
  const [serverAfter, managerAfter] = used();
  return { seconds, server: serverAfter! - serverBefore!, manager: managerAfter! - managerBefore! };
}

function costs({ seconds, server: ofServer, manager }: Cost): string {
  const each = (of: number): string => ((of / clients) * 1000).toFixed(2);
  return `${seconds.toFixed(1)} s; processor time each: server ${each(ofServer)} ms, manager ${each(manager)} ms`;
}

function perMinute(used: number, { seconds }: Cost): string {
  return ((used / seconds) * 60).toFixed(2);
}

function spread(all: readonly number[], digits: number): string {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number): string => round(percentile(sorted, share), digits).toFixed(digits);
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`;
}

/** MB. */
function memoryOf(domain: LabDomain, name: string): string {
  const status = readFileSync(`/proc/${domain.node(name).process!.pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1024).toFixed(0);
}

async function metric(domain: LabDomain, name: string, family: string, operation?: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${domain.node(name).port}/metrics`);
  const samples = parseExposition(await response.text()).get(family)?.samples ?? [];
  const own =
    operation === undefined ? samples : samples.filter(({ labels }) => labels.operation === operation);
  return own.reduce((sum, { value }) => sum + value, 0);
}

function watchLosses(admin: AdministratorSession) {
  const stop = new AbortController();
  const watching = Promise.withResolvers<void>();
  const heard = new Map<string, PromiseWithResolvers<number>>();
  const when = (name: string): PromiseWithResolvers<number> => {
    const known = heard.get(name) ?? Promise.withResolvers<number>();
    heard.set(name, known);
    return known;
  };
  const session = admin.member.session('watcher');
  const watcher = new EventWatcher(admin.member, session, {
    onEvent: ({ kind, subject }: EventRecord) => {
      if (kind === 'node-lost') when(subject).resolve(performance.now());
    },
    onGap: () => {},
    onWatching: watching.resolve,
  });
  const ended = session.start().then(() => watcher.run(stop.signal));
  return {
    watching: watching.promise,
    of: (name: string) => when(name).promise,
    async stop() {
      stop.abort();
      await ended;
      await session.stop();
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function publish(): void {
  const text = `${headOf(about())}, ${server}, ${clients} clients.\n\n${table(['what', 'figure'], rows)}`;
  console.log(text);
  const json = `${JSON.stringify({ ...about(), server, clients, steady, rows }, undefined, 1)}\n`;
  if (values.json !== undefined) writeFileSync(values.json, json);
  if (!values.page) return;
  writeFileSync(join(DOCS, `benchmark-presence-${server}.json`), json);
  writeFileSync(PAGE, placed(readFileSync(PAGE, 'utf8'), server, text));
}
