/** A task executor becomes a manager as well: on instruction, and by itself where managers die, until others are back. */
// Mutations seen red: requesters that do not look managers up anew; answers that are not sealed to whoever asked.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodes } from '@mom4c/commands';
import { EXIT } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import type { Request } from '@mom4c/member';
import type { Outcome } from '@mom4c/messaging';
import { ANY_SERVER } from '../support/any-server.ts';
import { openAdministrator } from '../support/administrator-session.ts';
import type { AdministratorSession } from '../support/administrator-session.ts';
import { ask } from '../support/cli.ts';
import { leaderOf, listManagers, untilStandbys } from '../support/leader.ts';
import { settles } from '../support/settles.ts';
import { steadyLoad } from '../support/steady-load.ts';
import { until } from '../support/until.ts';

const PROPER = ['cm1', 'cm2', 'cm3'];
const IN_FLIGHT = 4;
/** Milliseconds between two requests of one of those. */
const REST = 500;

let folder: string;
let lab: Lab;
let domain: LabDomain;
let admin: AdministratorSession;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-polymorphic-'));
  lab = await startLab({
    folder: join(folder, 'lab'),
    server: ANY_SERVER,
    managers: PROPER.length,
    executors: 3,
    eligible: { te3: 'cm4' },
    nodeSettings: { cm: { lease: { seconds: 3 }, standbys: { wanted: 1, settle: 2 } } },
  });
  domain = lab.domains[0]!;
  admin = await openAdministrator(domain, 'test');
});

after(async () => {
  await admin?.close();
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
});

const ping = (number: number): Request => ({
  ...{ name: 'ping', args: {}, timeout: 20_000 },
  targets: number % 2 === 0 ? undefined : ['te3'],
});

const role = (targets: string[] | undefined, wanted: string): Request => ({
  ...{ name: 'noderole', args: { role: wanted }, targets, timeout: 60_000 },
});

/** Of te3, as the active manager knows it. */
async function stateOfNode(): Promise<string | undefined> {
  const list: Request = { name: 'nodes', args: {}, targets: undefined, timeout: 10_000 };
  const [outcome] = (await admin.requester.send(list)).outcomes;
  const { nodes: all } = nodes.result.parse(outcome?.result);
  const { manager } = all.find(({ name }) => name === 'te3')!;
  assert.equal(manager?.name ?? 'cm4', 'cm4');
  for (const one of all) if (one.name !== 'te3') assert.equal(one.manager, undefined);
  return manager?.state;
}

function comes(what: string, holds: () => Promise<boolean>): Promise<void> {
  return settles(until(holds), what);
}

const cli = (line: string, expected: number) => ask(join(folder, 'lab'), line, expected);

test('only an eligible node, one at a time, for a role that there is', async () => {
  const refusedBy = async (request: Request): Promise<Outcome['error']> =>
    (await admin.requester.send(request)).outcomes[0]?.error;
  assert.equal((await refusedBy(role(['te1'], 'cm')))?.code, 'M4C_NOT_ELIGIBLE');
  for (const wrong of [role(undefined, 'cm'), role(['te1', 'te3'], 'te'), role(['te3'], 'gateway')])
    await assert.rejects(admin.requester.send(wrong), { code: 'M4C_BAD_ARGUMENTS' });
  assert.equal(await stateOfNode(), 'off');
  await cli('nodes role te9 cm', EXIT.notFound);
  await cli('nodes role te3 boss', EXIT.usage);
  await cli('nodes role te3', EXIT.usage);
});

test('on instruction a node becomes a manager that stands by, and steps back', async () => {
  const given = await cli('nodes role te3 cm', EXIT.ok);
  assert.match(given.stdout, /^te3 +cm +cm4$/m);
  const cm4 = (await listManagers(admin.requester)).find(({ name }) => name === 'cm4');
  assert.equal(cm4?.node, 'te3');
  assert.match((await cli('nodes', EXIT.ok)).stdout, /^te3 (is|becomes) manager cm4\.$/m);
  await cli('nodes role te3 te', EXIT.ok);
  await comes('cm4 to be gone', async () =>
    (await listManagers(admin.requester)).some(({ name, role: has }) => name === 'cm4' && has === 'away'),
  );
  await comes('te3 to say so', async () => (await stateOfNode()) === 'off');
});

test('with too few managers a node stands by, takes over, and steps back when the others return', async () => {
  await settles(untilStandbys(admin.requester, 2), 'two that stand by');
  const load = steadyLoad(admin.requester, IN_FLIGHT, ping, REST);
  const { name: first } = await leaderOf(admin.requester);
  const [second, last] = PROPER.filter((name) => name !== first) as [string, string];
  await Promise.all([first, second].map((name) => domain.node(name).stop({ signal: 'SIGKILL' })));
  await comes('cm4 to stand by', async () =>
    (await listManagers(admin.requester)).some(({ name, rank }) => name === 'cm4' && rank !== undefined),
  );
  assert.equal((await leaderOf(admin.requester)).name, last);
  await domain.node(last).stop({ signal: 'SIGKILL' });
  await settles(load.progress(4 * IN_FLIGHT), 'outcomes after the take-over');
  assert.equal((await leaderOf(admin.requester)).name, 'cm4');
  await Promise.all(PROPER.map((name) => domain.node(name).start()));
  await comes('te3 to step back', async () => (await stateOfNode()) === 'off');
  assert.ok(PROPER.includes((await leaderOf(admin.requester)).name));
  await settles(load.progress(2 * IN_FLIGHT), 'outcomes after that');
  const account = await load.end();
  const { lost, refused, reasons } = account;
  assert.deepEqual({ lost, refused, reasons }, { lost: {}, refused: {}, reasons: {} });
});
