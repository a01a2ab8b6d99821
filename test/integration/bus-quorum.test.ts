/**
 * Three NATS servers that hold the log and the lease together: what goes on when one is lost, and what stops when two are.
 *
 * Mutations seen red: routes that any certificate of the domain opens (`verify` in place of the check of names); a majority believed
 * in after a read; two seconds waited for an answer whatever the lease.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { connectBus, openJournal, openLeaseStore, type Bus, type FollowedJournal } from '@mom4c/bus';
import { Candidate, storeLimitMs } from '@mom4c/cluster';
import type { HoldingState } from '@mom4c/cluster';
import { systemClock } from '@mom4c/core';
import type { LeaseStore } from '@mom4c/core';
import { settled, startNatsCluster, type NatsCluster } from '../support/nats-cluster.ts';
import { settles } from '../support/settles.ts';
import type { Issued } from '../support/small-authority.ts';
import { journalEntry as entry, journalIdentities } from './journal-identities.ts';
import { silent } from './nats-domain.ts';
import { connectRaw } from './raw-nats.ts';

const key = new Uint8Array();

let folder: string;
let cluster: NatsCluster;
let bus: Bus;
let journal: FollowedJournal;
let lease: LeaseStore;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-quorum-'));
  cluster = await startNatsCluster(folder, ['cm1']);
  // The first server stays until the end of the tests.
  const tls = await cluster.authority.issue('cm1', 'cm');
  bus = await connectBus({ url: cluster.urls[0]!, name: 'cm1', tls, log: silent });
  const records = await (await journalIdentities()).as('cm1');
  const jetstream = { bus, stream: 'LOG', replicas: 3 } as const;
  journal = await settled(() =>
    openJournal({ file: join(folder, 'journal.db'), jetstream, records, log: silent }),
  );
  await settled(() => journal.lead({ generation: 1, counter: 1 }));
  lease = await settled(() => openLeaseStore({ bus, bucket: 'LEASE', replicas: 3, log: silent }));
});
after(async () => {
  await journal?.close();
  await bus?.close();
  await cluster?.close();
  rmSync(folder, { recursive: true });
});

test('who is no server does not get in between the servers, whatever certificate of the domain he has', async () => {
  const handshake = async (identity: Issued): Promise<string> => {
    // Between servers TLS begins at once.
    const socket = connectTls({ port: cluster.routePorts[0]!, host: 'localhost', ...identity });
    const answer = Promise.withResolvers<string>();
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
      if (text.includes('PONG')) answer.resolve('admitted');
    });
    socket.on('error', () => answer.resolve('refused'));
    socket.on('close', () => answer.resolve('refused'));
    socket.write(
      'CONNECT {"verbose":false,"tls_required":true,"server_id":"X","name":"x","cluster":"alpha.test"}\r\nPING\r\n',
    );
    try {
      return await answer.promise;
    } finally {
      socket.destroy();
    }
  };
  assert.equal(await handshake(await cluster.authority.issue('nats', 'server')), 'admitted');
  assert.equal(await handshake(await cluster.authority.issue('cm1', 'cm')), 'refused');
  assert.equal(await handshake(await cluster.authority.issue('te1', 'te')), 'refused');
});

test('one lost server of three stops nothing for longer than an election', { timeout: 90_000 }, async () => {
  const [before, later] = [entry(), entry()];
  assert.equal(await journal.accept(before), true);
  const revision = (await lease.write({ instance: 'a', generation: 1, holder: 'cm1', acquired: 1 }, 0))!;
  await cluster.kill(2);
  await settled(() => journal.accept(later));
  await settled(() => journal.finish(before.id, key));
  assert.equal((await journal.find(before.id))?.state, 'finished');
  const renewal = { instance: 'a', generation: 1, holder: 'cm1', acquired: 1 };
  const renewed = await settled(() => lease.write(renewal, revision));
  // Undefined: a write that was answered too late was stored all the same.
  assert.ok((await settled(() => lease.read()))!.revision > revision);
  assert.ok(renewed === undefined || renewed > revision);
});

test('whoever has the lease knows that it ran out for want of a majority, though the server that is left answers reads', {
  timeout: 120_000,
}, async () => {
  await lead(0, 'KV_LEASE');
  const leaseMs = 6000;
  const answerMs = storeLimitMs(leaseMs);
  const store = await openLeaseStore({ bus, bucket: 'LEASE', replicas: 3, answerMs, log: silent });
  let alone = false;
  let reads = 0;
  const candidate = new Candidate({
    ...{ name: 'cm1', instance: 'c', clock: systemClock, log: silent, leaseMs },
    ...{ generation: () => 1, opened: () => undefined },
    store: {
      ...store,
      async read() {
        const entry = await store.read();
        if (alone) reads += 1;
        return entry;
      },
    },
  });
  const next = (holding: boolean): Promise<HoldingState> =>
    new Promise((resolve) => {
      const end = candidate.onChange((state) => {
        if (state.holding !== holding) return;
        end();
        resolve(state);
      });
    });
  try {
    const held = next(true);
    candidate.setEligible(true);
    candidate.start();
    candidate.holderGone('cm1');
    await settles(held, 'the lease');
    const lost = next(false);
    await cluster.kill(1);
    alone = true;
    assert.deepEqual(await settles(lost, 'its end'), { holding: false, reason: 'lease ran out' });
    assert.equal(candidate.withoutMajority, true);
    assert.ok(reads > 0);
    const majority = new Promise<void>((resolve) => candidate.onMajority(resolve));
    candidate.setEligible(false);
    await cluster.start(1);
    await settles(majority, 'a write of the lease');
    assert.equal((await settled(() => store.read()))?.record.holder, undefined);
  } finally {
    await candidate.stop();
  }
});

test('without a majority nothing is accepted, in bounded time, and all goes on when it returns', {
  timeout: 120_000,
}, async () => {
  const { revision } = (await lease.read())!;
  await cluster.kill(1);
  const refused = entry();
  const begun = performance.now();
  await assert.rejects(journal.accept(refused), { code: 'M4C_NO_QUORUM' });
  const took = performance.now() - begun;
  assert.ok(took < 5000, `${took} ms`);
  assert.equal(await journal.find(refused.id), undefined);
  const write = { instance: 'b', generation: 1, acquired: 1 };
  const leaseBegun = performance.now();
  await assert.rejects(lease.write(write, revision), { code: 'M4C_NO_QUORUM' });
  const leaseTook = performance.now() - leaseBegun;
  assert.ok(leaseTook < 3000, `${leaseTook} ms`);

  await cluster.start(1);
  const accepted = entry();
  await settled(() => journal.accept(accepted));
  await settled(() => journal.finish(accepted.id, key));
  assert.equal((await journal.find(accepted.id))?.state, 'finished');
  assert.equal(journal.skipped, 0);
});

/** @param i number of the server that shall lead the stream, where one more is there */
async function lead(i: number, stream: string): Promise<void> {
  const raw = await connectRaw(cluster.urls[0]!, await cluster.authority.issue('cm1', 'cm'));
  try {
    for (;;) {
      const info = await raw.request(`$JS.API.STREAM.INFO.${stream}`, '');
      const { cluster: found } = JSON.parse(info) as { cluster?: { leader?: string } };
      if (found?.leader === cluster.name(i)) return;
      if (found?.leader !== undefined) await raw.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, '');
    }
  } finally {
    raw.close();
  }
}
