/**
 * The bucket of the lease is lost, and with it the number of the epoch: task executors refuse whoever leads, until the authority has
 * opened a new generation of epochs. Nobody but the authority can.
 */
// Mutations seen red, one each: a refused executor not announced; the authority not asked when one refuses; a generation that nobody
// stated admitted by executors, or by managers.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Epoch } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { Component, Lab, LabDomain } from '@mom4c/lab';
import type { Request } from '@mom4c/member';
import { signGeneration } from '@mom4c/pki';
import { joinRoom, xml } from '@mom4c/xmpp';
import { ANY_SERVER } from '../support/any-server.ts';
import { openAdministrator } from '../support/administrator-session.ts';
import type { AdministratorSession } from '../support/administrator-session.ts';
import { ask } from '../support/cli.ts';
import {
  newId,
  openClient,
  sealTo,
  sign,
  signedInTheClear,
  silent,
  stealIdentity,
} from '../support/hostile-client.ts';
import type { Json } from '../support/hostile-client.ts';
import { leaderOf, untilStandbys } from '../support/leader.ts';
import { openNodeLog } from '../support/node-log.ts';
import { settles } from '../support/settles.ts';
import { until } from '../support/until.ts';

const SIGKILL = { signal: 'SIGKILL' } as const;
const PING: Request = { name: 'ping', args: {}, targets: ['te1'], timeout: 8_000 };

let folder: string;
let lab: Lab;
let domain: LabDomain;
let admin: AdministratorSession;
let managers: readonly Component[];

before(
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'mom4c-generation-'));
    lab = await startLab({
      folder: join(folder, 'lab'),
      server: ANY_SERVER,
      managers: 2,
      executors: 1,
      nodeSettings: { cm: { lease: { seconds: 3 } } },
    });
    domain = lab.domains[0]!;
    managers = [domain.node('cm1'), domain.node('cm2')];
    admin = await openAdministrator(domain, 'test');
  },
  { timeout: 170_000 },
);

after(async () => {
  await admin?.close();
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
});

async function loseBucket(): Promise<void> {
  const server = domain.server('nats-server');
  await server.stop();
  rmSync(join(lab.folder, domain.name, 'nats-server', 'jetstream'), { recursive: true });
  await server.start();
}

/** Of a manager that keeps it nothing is refused: it remembers the last epoch, and does not lead. */
function loseJournal(name: string): void {
  const state = join(lab.folder, domain.name, 'nodes', name, 'state');
  for (const file of readdirSync(state)) if (file.startsWith('journal.sqlite')) rmSync(join(state, file));
}

/** State and code of te1's outcome. */
async function ping(): Promise<readonly [string | undefined, string | undefined]> {
  const [outcome] = (await admin.requester.send(PING)).outcomes;
  return [outcome?.state, outcome?.error?.code];
}

/** Each one that is refused makes the manager ask the authority. */
async function untilObeyed(): Promise<void> {
  await until(async () => {
    const [state, code] = await ping();
    if (state !== 'ok') assert.equal(code, 'M4C_EPOCH');
    return state === 'ok';
  });
}

function untilGeneration(wanted: number): Promise<void> {
  return until(async () => (await leaderOf(admin.requester)).epoch.generation === wanted);
}

const resetEpoch = (expected: string): Promise<void> =>
  ask(lab.folder, 'managers reset-epoch', 0).then(({ stdout }) => assert.equal(stdout, expected));

test('after the loss of the bucket and of all managers, te1 obeys again once the authority has opened a new generation', {
  timeout: 170_000,
}, async () => {
  await settles(untilStandbys(admin.requester, 1), 'one that stands by');
  // The first epoch has the number with which whoever knows nothing begins as well: so the second one leads.
  const first = (await leaderOf(admin.requester)).name;
  const second = managers.map(({ name }) => name).find((name) => name !== first);
  await ask(lab.folder, `managers promote ${second}`, 0);
  assert.equal((await leaderOf(admin.requester)).name, second);
  assert.deepEqual(await ping(), ['ok', undefined]);

  for (const manager of managers) {
    await manager.stop(SIGKILL);
    loseJournal(manager.name);
  }
  await loseBucket();
  await domain.node('cm1').start();
  assert.deepEqual(await ping(), ['refused', 'M4C_EPOCH']);
  await resetEpoch('generation 2\n');
  const begun = performance.now();
  await settles(untilObeyed(), 'that te1 obeys');
  assert.ok(performance.now() - begun < 30_000, 'asked at once, not with the next minute');
  assert.equal(((await leaderOf(admin.requester)).epoch as Epoch).generation, 2);

  await domain.node('te1').stop(SIGKILL);
  await domain.node('te1').start();
  assert.deepEqual(await ping(), ['ok', undefined]);
  await domain.node('cm2').start();
  await settles(untilStandbys(admin.requester, 1), 'cm2');
  await ask(lab.folder, 'managers promote cm2', 0);
  assert.deepEqual(await ping(), ['ok', undefined]);
  const { name, epoch } = await leaderOf(admin.requester);
  assert.deepEqual([name, (epoch as Epoch).generation], ['cm2', 2]);
});

test('managers that run while the bucket is lost do not lead under epochs that were there, and are not stuck either', {
  timeout: 170_000,
}, async () => {
  await loseBucket();
  await resetEpoch('generation 3\n');
  // Asks the authority at its start; cm2 learns of it in the room.
  await domain.node('cm1').stop(SIGKILL);
  await domain.node('cm1').start();
  await settles(untilStandbys(admin.requester, 1), 'one that leads and one that stands by');
  assert.equal(((await leaderOf(admin.requester)).epoch as Epoch).generation, 3);
  assert.deepEqual(await ping(), ['ok', undefined]);
});

test('a manager opens no generation: te1 refuses what it claims with no statement, or one that it has signed itself', {
  timeout: 170_000,
}, async () => {
  const steal = (own: string) => stealIdentity(lab.folder, domain.name, own);
  const [thief, te1, authority] = await Promise.all([
    steal('nodes/cm1'),
    steal('nodes/te1'),
    steal('certificate-authority'),
  ]);
  const service = `cm@${domain.name}`;
  const room = `cluster@conference.${domain.name}`;
  const client = await openClient(domain, thief, `${service}/thief`);
  const owner = await openClient(domain, thief, `cm1@${domain.name}/thief`);
  try {
    await joinRoom(owner.session, { room, nick: 'thief', log: silent });
    const logs = ['te1', 'cm1', 'cm2'].map((name) => openNodeLog(domain.node(name).process!.logFile));
    const { epoch: real } = await leaderOf(admin.requester);
    const claimed: Epoch = { generation: 4, counter: 1 };

    const head = (): Json => {
      const time = Date.now();
      return { id: newId(), from: service, time, expires: time + 30_000 };
    };
    const command = async (epoch: object): Promise<unknown> => {
      const payload = {
        ...head(),
        ...{ type: 'command', to: `te1@${domain.name}`, epoch, name: 'ping', args: {} },
      };
      const sealed = await sealTo(await sign(thief, payload), te1);
      return (await client.ask(`te1@${domain.name}/agent`, sealed)).code;
    };
    const lead = async (stated: Uint8Array | undefined): Promise<void> => {
      const statement = {
        ...head(),
        ...{ type: 'leadership', to: { room, targets: '*' }, manager: 'cm1', epoch: claimed },
        ...(stated && { stated: Buffer.from(stated).toString('base64') }),
        ...{ key: '0'.repeat(32), managers: [thief.certificate.fingerprint], standbys: [] },
      };
      const children = await signedInTheClear(thief, statement);
      await owner.session.send(xml('presence', { to: `${room}/thief` }, ...children));
    };
    /** @returns the codes under which te1 and both managers note it, each once */
    const refusalsOf = async (stated: Uint8Array | undefined): Promise<readonly unknown[]> => {
      const noted = logs.map((log) => log.next(log.mark(), 'a refusal', ({ from }) => from === 'thief'));
      await lead(stated);
      return [...new Set((await Promise.all(noted)).map(([line]) => line?.code))];
    };
    const statement = { domain: domain.name, generation: 4, time: Date.now() };
    /** In the name of the authority. */
    const by = (key: KeyObject) => {
      const named = { ...authority.authority, publicKey: createPublicKey(key) };
      return signGeneration(statement, { authority: named, authorityKey: key });
    };

    assert.equal(await command(real), undefined);
    assert.equal(await command(claimed), 'M4C_EPOCH');
    assert.deepEqual(await refusalsOf(undefined), ['M4C_EPOCH']);
    assert.deepEqual(await refusalsOf(await by(thief.key)), ['M4C_BAD_SIGNATURE']);
    assert.equal(await command(claimed), 'M4C_EPOCH');
    assert.deepEqual(await ping(), ['ok', undefined], 'nothing has changed for the manager that leads');

    // What the authority has signed opens it, whoever hands it on: for the managers as well.
    await lead(await by(authority.key));
    await settles(untilGeneration(4), 'the generation that was stated');
    assert.deepEqual(await ping(), ['ok', undefined]);
    assert.equal(await command(real), 'M4C_EPOCH');
  } finally {
    await client.stop();
    await owner.stop();
  }
});
