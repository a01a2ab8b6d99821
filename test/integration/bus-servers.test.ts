/**
 * What a manager has of three NATS servers: another one when its own is lost, and leaders of streams, as well as whatever it
 * follows, where a loss hurts least. Whose certificate does not name the host that was asked for is no server of ours.
 *
 * Mutations seen red: see each test.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import {
  connectBus,
  keepLeadersApart,
  moveLeadersAway,
  openJournal,
  openLeaseStore,
  type Bus,
  type FollowedJournal,
} from '@mom4c/bus';
import { systemClock } from '@mom4c/core';
import type { JournalRecords } from '@mom4c/core';
import { freePort, startNatsServer, stopProcess } from '@mom4c/lab';
import { CLUSTER_DOMAIN, settled, startNatsCluster, type NatsCluster } from '../support/nats-cluster.ts';
import { settles } from '../support/settles.ts';
import { until } from '../support/until.ts';
import { journalEntry as entry, journalIdentities } from './journal-identities.ts';
import { silent } from './nats-domain.ts';
import { connectRaw, type RawNats } from './raw-nats.ts';

const STREAMS = ['LOG', 'KV_LEASE'];
const key = new Uint8Array();

let folder: string;
let cluster: NatsCluster;
let raw: RawNats;
let records: JournalRecords;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-servers-'));
  cluster = await startNatsCluster(folder, ['cm1']);
  // The first server stays until the end of the tests.
  records = await (await journalIdentities()).as('cm1');
  raw = await connectRaw(cluster.urls[0]!, await cluster.authority.issue('cm1', 'cm'));
});
after(async () => {
  raw?.close();
  await cluster?.close();
  rmSync(folder, { recursive: true });
});

async function ask<Answer>(subject: string): Promise<Answer> {
  return JSON.parse(await raw.request(`$JS.API.${subject}`, '')) as Answer;
}

async function leaderOf(stream: string): Promise<number> {
  const { cluster: found } = await ask<{ cluster?: { leader?: string } }>(`STREAM.INFO.${stream}`);
  return [0, 1, 2].findIndex((i) => cluster.name(i) === found?.leader);
}

/** @param i number of the server that it asks first */
async function openAt(t: TestContext, i: number): Promise<{ bus: Bus; journal: FollowedJournal }> {
  const url = [i, (i + 1) % 3, (i + 2) % 3].map((each) => cluster.urls[each]!);
  const bus = await connectBus({
    ...{ url, name: 'cm1', tls: await cluster.authority.issue('cm1', 'cm'), log: silent },
  });
  t.after(() => bus.close());
  const file = join(mkdtempSync(join(folder, 'cm1-')), 'journal.db');
  const jetstream = { bus, stream: 'LOG', replicas: 3 } as const;
  const journal = await settled(() => openJournal({ file, jetstream, records, log: silent }));
  t.after(() => journal.close());
  const lease = await settled(() => openLeaseStore({ bus, bucket: 'LEASE', replicas: 3, log: silent }));
  t.after(lease.watch(() => {}));
  await settles(caughtUp(journal), 'the end of the log');
  return { bus, journal };
}

async function caughtUp(journal: FollowedJournal): Promise<void> {
  if (journal.lag === 0) return;
  await new Promise<void>((resolve) => {
    const stop = journal.onLag((lag) => {
      if (lag !== 0) return;
      stop();
      resolve();
    });
  });
}

/** The consumer of the log beside those that are known, and the server that it is on; asks on while that is not told, or another
 *  one is just being taken away. */
async function newConsumer(known: ReadonlySet<string>): Promise<[name: string, place: string]> {
  for (;;) {
    const { consumers } = await ask<{ consumers: string[] }>('CONSUMER.NAMES.LOG');
    const names = consumers.filter((name) => !known.has(name));
    const [name, another] = names;
    if (name === undefined || another !== undefined) continue;
    const { cluster: at } = await ask<{ cluster?: { leader?: string } }>(`CONSUMER.INFO.LOG.${name}`);
    if (at?.leader !== undefined) return [name, at.leader];
  }
}

// Mutation: the first consumer is kept, wherever it was placed.
test('what a manager follows is on the server that it is connected to', async (t) => {
  const known = new Set<string>();
  for (const i of [1, 2]) {
    await openAt(t, i);
    let name = '';
    // Where there is nothing to catch up on it may still be looking for its place.
    const isThere = async (): Promise<boolean> => {
      const [found, place] = await newConsumer(known);
      name = found;
      return place === cluster.name(i);
    };
    await settles(until(isThere), 'a consumer on its own server');
    known.add(name);
  }
});

// Mutation: no repetition where nobody answers: M4C_NO_QUORUM while leaders change.
test('leaders of streams leave the server of who asks them to, and no accepted command notices', async (t) => {
  const at = await leaderOf('LOG');
  const { bus, journal } = await openAt(t, at);
  await settled(() => journal.lead({ generation: 1, counter: 1 }));
  let moving = true;
  const writing = (async () => {
    let written = 0;
    for (; moving || written < 20; written++) assert.equal(await journal.accept(entry()), true);
  })();
  assert.ok((await moveLeadersAway(bus, STREAMS)).includes('LOG'));
  await settled(async () => {
    const now = await leaderOf('LOG');
    if (now < 0) throw Object.assign(new Error('none yet'), { code: 'M4C_NO_QUORUM' });
    assert.notEqual(now, at);
  });
  moving = false;
  await writing;
  for (const stream of STREAMS) assert.notEqual(await leaderOf(stream), at);
});

// Mutations: one look only; leaders of other streams left wherever they are, but here.
test('leaders of streams are kept off the server and on one, wherever servers put them', async (t) => {
  const at = await leaderOf('LOG');
  const { bus } = await openAt(t, at);
  const apart = keepLeadersApart({
    ...{ bus, streams: STREAMS, wanted: () => true, clock: systemClock, log: silent },
  });
  t.after(() => apart.close());
  apart.begin();
  const together = async (): Promise<void> => {
    for (;;) {
      const [first, ...others] = await Promise.all(STREAMS.map(leaderOf));
      if (first! >= 0 && first !== at && others.every((other) => other === first)) return;
    }
  };
  await settles(together(), 'that they are elsewhere');
  const home = await leaderOf('LOG');
  // Until they are apart, as after an election.
  while ((await leaderOf('KV_LEASE')) === home) await ask('STREAM.LEADER.STEPDOWN.KV_LEASE');
  await settles(together(), 'that they are together again');
});

/** As a leader sees it: silent for so many nanoseconds. */
type Replica = { name: string; active: number };

// Mutation: any replica that is here is enough.
test('no leader hands over to a server that was lost a moment ago', { timeout: 120_000 }, async (t) => {
  const at = await leaderOf('LOG');
  const { bus } = await openAt(t, at);
  // The first one stays.
  const lost = at === 1 ? 2 : 1;
  await cluster.kill(lost);
  for (let silent = 0; silent < 1.6e9; ) {
    const { cluster: found } = await ask<{ cluster: { replicas: Replica[] } }>('STREAM.INFO.LOG');
    silent = found.replicas.find(({ name }) => name === cluster.name(lost))!.active;
  }
  assert.deepEqual(await moveLeadersAway(bus, ['LOG']), []);
  const asked = async (): Promise<void> => {
    while ((await moveLeadersAway(bus, ['LOG'])).length === 0);
  };
  await settles(asked(), 'that it is known to be lost');
  const begun = performance.now();
  const elsewhere = async (): Promise<void> => {
    while ((await leaderOf('LOG')) !== 3 - at - lost);
  };
  await settles(elsewhere(), 'the other one');
  const took = performance.now() - begun;
  assert.ok(took < 3500, `${took} ms: an election`);
  await cluster.start(lost);
});

// Mutation: only the first URL is used.
test('who has lost its own server goes on with another one', { timeout: 120_000 }, async (t) => {
  const at = 1;
  const { bus, journal } = await openAt(t, at);
  const before = entry();
  await settled(() => journal.lead({ generation: 1, counter: 2 }));
  assert.equal(await journal.accept(before), true);
  const states: boolean[] = [];
  const back = new Promise<void>((resolve) =>
    bus.onConnection((connected) => {
      states.push(connected);
      if (connected) resolve();
    }),
  );
  await cluster.kill(at);
  await settles(back, 'another server');
  assert.deepEqual(states, [false, true]);
  const outage = ['M4C_NO_QUORUM', 'M4C_JOURNAL'];
  await settled(() => journal.accept(entry()), outage);
  await settled(() => journal.finish(before.id, key), outage);
  assert.equal((await journal.find(before.id))?.state, 'finished');
  assert.equal(journal.skipped, 0);
  await cluster.start(at);
});

// Mutation: no check of ours: the package has Node look for `localhost`, which stands in every certificate of a server.
test('a server whose certificate names another host is not talked to', async () => {
  const host = '127.0.0.2';
  const port = await freePort();
  const url = `tls://${host}:${port}`;
  const tls = await cluster.authority.issue('cm1', 'cm');
  for (const [ips, admitted] of [
    [['127.0.0.1'], false],
    [[host], true],
  ] as const) {
    const { files } = await cluster.authority.issue('nats', 'server', ips);
    const options = { domain: CLUSTER_DOMAIN, managers: ['cm1'], host, port };
    const server = await startNatsServer({ ...options, folder: join(folder, `alone-${ips[0]}`), tls: files });
    const connecting = connectBus({ url, name: 'cm1', tls, log: silent });
    if (admitted) await (await connecting).close();
    else await assert.rejects(connecting, { code: 'M4C_BUS_UNREACHABLE' });
    await stopProcess(server.process);
  }
});
