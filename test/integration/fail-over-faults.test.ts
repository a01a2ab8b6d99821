/** What else may go wrong around three managers under load, each twice: nothing that was accepted may be lost. */
// Mutations seen red: see each test.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import { openAdministrator } from '../support/administrator-session.ts';
import type { AdministratorSession } from '../support/administrator-session.ts';
import { countedActs } from '../support/counted-acts.ts';
import type { CountedActs } from '../support/counted-acts.ts';
import { putBehindRelays } from '../support/cut-off.ts';
import type { Ways } from '../support/cut-off.ts';
import { leaderOf, untilLeads, untilStandbys } from '../support/leader.ts';
import { settles } from '../support/settles.ts';
import { steadyLoad } from '../support/steady-load.ts';
import type { SteadyLoad } from '../support/steady-load.ts';

const LEASE_SECONDS = 3;
const IN_FLIGHT = 40;
const MANAGERS = ['cm1', 'cm2', 'cm3'];
const EXECUTORS = ['te1', 'te2'];
const ROUNDS = [1, 2];

let folder: string;
let lab: Lab;
let domain: LabDomain;
let admin: AdministratorSession;
let acts: CountedActs;
const ways = new Map<string, Ways>();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-faults-'));
  acts = countedActs(folder, EXECUTORS, 15_000);
  lab = await startLab({
    ...{ folder: join(folder, 'lab'), managers: MANAGERS.length, executors: EXECUTORS.length },
    nodeSettings: { ...acts.nodeSettings, cm: { lease: { seconds: LEASE_SECONDS } } },
  });
  domain = lab.domains[0]!;
  for (const name of MANAGERS) ways.set(name, await putBehindRelays(domain, domain.node(name)));
  admin = await openAdministrator(domain, 'test');
});

after(async () => {
  await admin?.close();
  await lab?.down();
  await acts?.close();
  await Promise.all([...ways.values()].map((way) => way.close()));
  rmSync(folder, { recursive: true, force: true });
});

/** Under load, with two that stand by. @returns who leads */
async function begin(): Promise<{ load: SteadyLoad; leader: string }> {
  await settles(untilStandbys(admin.requester, 2), 'two that stand by');
  const { name: leader } = await leaderOf(admin.requester);
  const load = steadyLoad(admin.requester, IN_FLIGHT, () => acts.next());
  await load.progress(2 * IN_FLIGHT);
  return { load, leader };
}

async function finish(load: SteadyLoad): Promise<void> {
  await settles(load.progress(3 * IN_FLIGHT), 'outcomes after the fault');
  const { lost, accepted } = await load.end();
  assert.deepEqual(lost, {}, `of ${accepted} accepted`);
  assert.deepEqual(acts.twice(), [], `of ${acts.count} acts`);
}

for (const round of ROUNDS) {
  test(`the XMPP server is killed and comes back, round ${round}`, async () => {
    const { load } = await begin();
    await domain.xmppServer.stop({ signal: 'SIGKILL' });
    await domain.xmppServer.start();
    await finish(load);
  });

  test(`the NATS server is killed and comes back, round ${round}`, async () => {
    const { load } = await begin();
    await domain.server('nats-server').stop({ signal: 'SIGKILL' });
    await domain.server('nats-server').start();
    await finish(load);
  });

  test(`the directory is away for a while, round ${round}`, async () => {
    const { load } = await begin();
    await domain.server('slapd').stop();
    await settles(load.progress(3 * IN_FLIGHT), 'outcomes without a directory');
    await domain.server('slapd').start();
    await finish(load);
  });

  for (const [what, cut] of [
    ['XMPP only', ['xmpp']],
    ['the bus only', ['bus']],
    ['both', ['xmpp', 'bus']],
  ] as const)
    test(`the manager that leads is cut off from ${what}, round ${round}`, async () => {
      const { load, leader } = await begin();
      for (const way of cut) ways.get(leader)![way].hold();
      try {
        await settles(load.progress(3 * IN_FLIGHT), 'outcomes while it is cut off');
        assert.notEqual((await leaderOf(admin.requester)).name, leader);
      } finally {
        for (const way of cut) ways.get(leader)![way].release();
      }
      await finish(load);
    });

  test(`two of three managers are killed, round ${round}`, async () => {
    const { load, leader } = await begin();
    const other = MANAGERS.find((name) => name !== leader)!;
    await Promise.all([leader, other].map((name) => domain.node(name).stop({ signal: 'SIGKILL' })));
    await settles(load.progress(3 * IN_FLIGHT), 'outcomes of the last manager');
    for (const name of [leader, other]) await domain.node(name).start();
    await finish(load);
  });

  test(`all managers are killed and start together, round ${round}`, async () => {
    const { load } = await begin();
    await Promise.all(MANAGERS.map((name) => domain.node(name).stop({ signal: 'SIGKILL' })));
    await Promise.all(MANAGERS.map((name) => domain.node(name).start()));
    await finish(load);
  });
}

const mayMount = process.getuid?.() === 0;
test('the disk of the manager that leads is full', { skip: !mayMount && 'mounting needs root' }, async () => {
  const { name } = await leaderOf(admin.requester);
  const manager = domain.node(name);
  const state = join(dirname(manager.process!.logFile), 'state');
  await manager.stop();
  const kept = join(folder, 'state');
  execFileSync('cp', ['-a', state, kept]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=700', 'tmpfs', state]);
  try {
    execFileSync('cp', ['-a', `${kept}/.`, state]);
    await manager.start();
    await settles(untilStandbys(admin.requester, 2), 'two that stand by');
    await admin.requester.send({
      ...{ name: 'managerspromote', args: { manager: name }, targets: undefined, timeout: 10_000 },
    });
    await settles(untilLeads(admin.requester, name), 'the hand-over');
    const { load, leader } = await begin();
    assert.equal(leader, name);
    const { bavail, bsize } = statfsSync(state);
    writeFileSync(join(state, 'ballast'), Buffer.alloc(bavail * bsize));
    // It steps down, and another one leads.
    await settles(load.progress(3 * IN_FLIGHT), 'outcomes with a full disk');
    rmSync(join(state, 'ballast'));
    await finish(load);
  } finally {
    await manager.stop();
    execFileSync('umount', [state]);
    mkdirSync(state, { recursive: true });
    await manager.start();
  }
});
