/** Three managers, one of which leads; under load it is killed, stopped, or told to hand over. Nothing accepted is lost. */
// Mutations seen red: see each test.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareEpochs } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import type { Request } from '@mom4c/member';
import { openAdministrator } from '../support/administrator-session.ts';
import type { AdministratorSession } from '../support/administrator-session.ts';
import { countedActs } from '../support/counted-acts.ts';
import type { CountedActs } from '../support/counted-acts.ts';
import { leaderOf, listManagers, untilStandbys } from '../support/leader.ts';
import { settles } from '../support/settles.ts';
import { steadyLoad } from '../support/steady-load.ts';
import type { Account } from '../support/steady-load.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const LEASE_SECONDS = 3;
const IN_FLIGHT = 40;
const EXECUTORS = ['te1', 'te2'];

let folder: string;
let lab: Lab;
let domain: LabDomain;
let admin: AdministratorSession;
let acts: CountedActs;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-fail-over-'));
  acts = countedActs(folder, EXECUTORS, 10_000);
  lab = await startLab({
    folder: join(folder, 'lab'),
    server: XMPP_SERVER,
    managers: 3,
    executors: EXECUTORS.length,
    nodeSettings: { ...acts.nodeSettings, cm: { lease: { seconds: LEASE_SECONDS } } },
  });
  domain = lab.domains[0]!;
  admin = await openAdministrator(domain, 'test');
});

after(async () => {
  await admin?.close();
  await lab?.down();
  await acts?.close();
  rmSync(folder, { recursive: true, force: true });
});

function assertNothingLost(account: Account): void {
  assert.deepEqual(account.lost, {}, 'accepted, and without an outcome');
  assert.deepEqual(account.refused, {}, 'not accepted, though somebody could have');
  assert.deepEqual(Object.keys(account.states), ['ok']);
  assert.deepEqual(acts.twice(), [], `of ${acts.count} acts`);
}

test('the manager that leads is killed under load, twice: every command has its outcome', async () => {
  for (let round = 0; round < 2; round++) {
    await settles(untilStandbys(admin.requester, 2), 'two that stand by');
    const before = await leaderOf(admin.requester);
    const load = steadyLoad(admin.requester, IN_FLIGHT, () => acts.next());
    await load.progress(2 * IN_FLIGHT);
    await domain.node(before.name).stop({ signal: 'SIGKILL' });
    await settles(load.progress(4 * IN_FLIGHT), 'outcomes after the take-over');
    assertNothingLost(await load.end());
    const now = await leaderOf(admin.requester);
    assert.notEqual(now.name, before.name);
    assert.ok(compareEpochs(now.epoch as never, before.epoch as never) > 0);
    await domain.node(before.name).start();
  }
});

test('a manager that hangs is replaced when its lease has run out, and does nothing when it wakes', async () => {
  await settles(untilStandbys(admin.requester, 2), 'two that stand by');
  const before = await leaderOf(admin.requester);
  const load = steadyLoad(admin.requester, IN_FLIGHT, () => acts.next());
  await load.progress(2 * IN_FLIGHT);
  domain.node(before.name).signal('SIGSTOP');
  await settles(load.progress(4 * IN_FLIGHT), 'outcomes after the take-over');
  domain.node(before.name).signal('SIGCONT');
  await load.progress(4 * IN_FLIGHT);
  assertNothingLost(await load.end());
  const now = await leaderOf(admin.requester);
  assert.notEqual(now.name, before.name);
  await settles(untilStandbys(admin.requester, 2), 'that it stands by');
});

test('handing over on purpose loses nothing, and only somebody who stands by can be promoted', async () => {
  await settles(untilStandbys(admin.requester, 2), 'two that stand by');
  const before = await leaderOf(admin.requester);
  const heir = (await listManagers(admin.requester)).find(({ rank }) => rank === 2)!;
  const promote = (manager: string): Request => ({
    ...{ name: 'managerspromote', args: { manager }, targets: undefined, timeout: 10_000 },
  });
  for (const wrong of [before.name, 'cm9']) {
    const [outcome] = (await admin.requester.send(promote(wrong))).outcomes;
    assert.equal(outcome?.error?.code, 'M4C_NOT_A_STANDBY');
  }
  const load = steadyLoad(admin.requester, IN_FLIGHT, () => acts.next());
  await load.progress(2 * IN_FLIGHT);
  const [outcome] = (await admin.requester.send(promote(heir.name))).outcomes;
  assert.deepEqual(outcome?.result, { from: before.name, to: heir.name });
  await settles(load.progress(4 * IN_FLIGHT), 'outcomes after the hand-over');
  assertNothingLost(await load.end());
  assert.equal((await leaderOf(admin.requester)).name, heir.name);
});
