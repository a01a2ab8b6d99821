// Mutation seen red, each in the test named: (1) no expected revision in a write ("one of several", "of two processes"); (2) unknown
// fields let through ("what is not a lease"); (3) a lease that was deleted never written again ("a lease that was deleted");
// (4) no new beginning after a loss ("a watch goes on"); (5) two seconds whatever is waited for ("a server that stands still").
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectBus, openLeaseStore, type Bus } from '@mom4c/bus';
import { epochOf, type LeaseEntry, type LeaseRecord, type LeaseStore } from '@mom4c/core';
import { freeze } from '../support/processes.ts';
import { silent, startNatsDomain, type NatsDomain } from './nats-domain.ts';
import { connectRaw, type RawNats } from './raw-nats.ts';

let domain: NatsDomain;
let bus: Bus;
let raw: RawNats;

before(async () => {
  domain = await startNatsDomain();
  bus = await connectBus({ url: domain.url, name: 'cm1', tls: await domain.client('cm1'), log: silent });
  raw = await connectRaw(domain.url, await domain.client('observer'));
});
after(async () => {
  raw?.close();
  await bus?.close();
  await domain?.stop();
});

const open = (bucket: string, over = bus): Promise<LeaseStore> =>
  openLeaseStore({ bus: over, bucket, replicas: 1, log: silent });
/** As if it were one of three. */
const openHasty = (bucket: string): Promise<LeaseStore> =>
  openLeaseStore({ bus, bucket, replicas: 3, answerMs: 200, log: silent });
const lease = (fields: Partial<LeaseRecord> = {}): LeaseRecord => ({
  holder: 'cm1',
  instance: 'abc',
  generation: 1,
  acquired: 1,
  ...fields,
});

/** What a watch has told; `until` resolves with the first entry, told already or yet to come, that fits. */
function record(store: LeaseStore) {
  const told: LeaseEntry[] = [];
  const events = new EventEmitter();
  const end = store.watch((entry) => {
    told.push(entry);
    events.emit('entry');
  });
  const until = async (fits: (entry: LeaseEntry) => boolean): Promise<LeaseEntry> => {
    for (;;) {
      const found = told.find(fits);
      if (found) return found;
      await once(events, 'entry');
    }
  };
  return { told, until, end };
}

test('one of several writes over the same revision wins, and the epoch is what that one says', async () => {
  const [one, two] = [await open('CAS'), await open('CAS')];
  assert.equal(await one.read(), undefined);
  const first = await one.write(lease({ acquired: 7 }), 0);
  assert.ok(first !== undefined && first > 0);
  assert.equal(await two.write(lease({ holder: 'cm2' }), 0), undefined);
  const read = await two.read();
  assert.deepEqual(read, { revision: first, record: lease({ acquired: 7 }) });
  assert.deepEqual(epochOf(read.record), { generation: 1, counter: 7 });

  const renewed = await one.write(lease({ acquired: 7 }), first);
  assert.ok(renewed !== undefined && renewed > first);
  assert.equal(await two.write(lease({ holder: 'cm2', acquired: 8 }), first), undefined);
  assert.deepEqual(epochOf((await two.read())!.record), { generation: 1, counter: 7 });
  const back: LeaseRecord = { instance: 'abc', generation: 1, acquired: 7, successor: 'cm2' };
  assert.ok(await one.write(back, renewed));
  assert.deepEqual((await two.read())?.record, back);
});

test('a bucket that is gone is made anew: a lease is none then, and its revisions begin again', async () => {
  const store = await open('GONE');
  const first = await store.write(lease(), 0);
  assert.ok(await store.write(lease(), first!));
  await raw.request('$JS.API.STREAM.DELETE.KV_GONE', '');
  await assert.rejects(store.write(lease(), first!), { name: 'Mom4cError' });
  assert.equal(await store.read(), undefined);
  assert.equal(await store.write(lease({ generation: 2 }), 0), 1);
  assert.deepEqual(await store.read(), { revision: 1, record: lease({ generation: 2 }) });
});

test('a lease that was deleted is none, and its revisions go on', async () => {
  const store = await open('DELETED');
  const first = await store.write(lease(), 0);
  raw.publishWith({ 'KV-Operation': 'DEL' }, '$KV.DELETED.leader', new Uint8Array());
  await raw.flush();
  assert.equal(await store.read(), undefined);
  const second = await store.write(lease({ holder: 'cm2' }), 0);
  assert.ok(second! > first!);
  assert.equal((await store.read())?.record.holder, 'cm2');
});

test('what is not a lease is an error, is not written over and not told to who watches', async () => {
  const store = await open('HOSTILE');
  const values = [
    '{}',
    'null',
    '{"holder":"cm1"',
    JSON.stringify({ ...lease(), more: 1 }),
    JSON.stringify({ ...lease(), holder: 'not a name' }),
    JSON.stringify({ ...lease(), generation: -1 }),
    JSON.stringify({ ...lease(), acquired: undefined }),
    JSON.stringify({ ...lease(), acquired: 0 }),
    JSON.stringify({ ...lease(), acquired: 1.5 }),
    JSON.stringify({ ...lease(), acquired: 2 ** 53 }),
    JSON.stringify({ ...lease(), instance: 'x'.repeat(65) }),
    ' '.repeat(200) + JSON.stringify({ ...lease(), instance: '' }),
  ];
  const watched = record(store);
  for (const value of values) {
    raw.publish('$KV.HOSTILE.leader', value);
    await raw.flush();
    await assert.rejects(store.read(), { code: 'M4C_MALFORMED' }, value);
    assert.equal(await store.write(lease(), 0), undefined);
  }
  raw.publish('$KV.HOSTILE.leader', JSON.stringify(lease({ holder: 'cm3' })));
  await watched.until(({ record: { holder } }) => holder === 'cm3');
  assert.equal(watched.told.length, 1);
  watched.end();
});

test('of two processes that write by turns none overwrites the other', { timeout: 60_000 }, async () => {
  await open('RACE');
  const rounds = 100;
  const tls = await domain.client('cm2');
  const file = join(domain.folder, 'race-tls.json');
  writeFileSync(file, JSON.stringify(tls), { mode: 0o600 });
  const program = `
    import { once } from 'node:events';
    import { readFileSync } from 'node:fs';
    import { connectBus, openLeaseStore } from '${import.meta.resolve('@mom4c/bus')}';
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const tls = JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8'));
    const bus = await connectBus({ url: '${domain.url}', name: 'racer', tls, log });
    const store = await openLeaseStore({ bus, bucket: 'RACE', replicas: 1, log });
    console.log('ready');
    await once(process.stdin, 'data');
    let lost = 0;
    for (let won = 0; won < ${rounds}; ) {
      const found = await store.read();
      const generation = (found?.record.generation ?? 0) + 1;
      if (await store.write({ instance: String(process.pid), generation, acquired: 1 }, found?.revision ?? 0)) won += 1;
      else lost += 1;
    }
    console.log(lost);
    await bus.close();
    process.stdin.destroy();`;
  const racers = [1, 2].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  await Promise.all(racers.map(({ stdout }) => once(stdout, 'data')));
  for (const { stdin } of racers) stdin.end('go');
  const losses = await Promise.all(racers.map(async ({ stdout }) => Number(String(await stdout.toArray()))));
  const end = await (await open('RACE')).read();
  assert.equal(end?.record.generation, 2 * rounds);
  assert.equal(end.revision, 2 * rounds);
  assert.ok(losses[0]! + losses[1]! > 0, 'they never met');
});

test('a watch goes on over a restart of the server, and tells what stands there then', {
  timeout: 60_000,
}, async () => {
  const store = await open('WATCH');
  const watched = record(store);
  let revision = (await store.write(lease(), 0))!;
  await watched.until((entry) => entry.revision === revision);
  for (let i = 0; i < 3; i++) {
    revision = (await store.write(lease({ acquired: 1 }), revision))!;
    await watched.until((entry) => entry.revision === revision);
  }
  assert.deepEqual(
    watched.told.map((entry) => entry.revision),
    [1, 2, 3, 4],
  );

  process.kill(domain.server.pid!, 'SIGKILL');
  await connection(false);
  await assert.rejects(store.read(), { code: 'M4C_BUS_UNREACHABLE' });
  await assert.rejects(store.write(lease(), revision), { code: 'M4C_BUS_UNREACHABLE' });
  watched.told.length = 0;
  await connection(true);
  await watched.until((entry) => entry.revision === revision);
  const next = (await store.write(lease({ holder: 'cm2' }), revision))!;
  await watched.until((entry) => entry.revision === next);
  assert.ok(watched.told.every((entry, i, all) => i === 0 || entry.revision >= all[i - 1]!.revision));
  watched.end();
});

test('a server that stands still is unreachable within two seconds; one of three has no majority, within what is waited for', {
  timeout: 60_000,
}, async () => {
  const store = await open('FROZEN');
  const hasty = await openHasty('FROZEN');
  const revision = (await store.write(lease(), 0))!;
  await freeze(domain.server.pid!);
  try {
    const begun = performance.now();
    const all = Promise.allSettled([store.read(), store.write(lease(), revision)]);
    const few = Promise.allSettled([hasty.read(), hasty.write(lease(), revision)]);
    const first = await Promise.race([all, few]);
    const calls = await all;
    const took = performance.now() - begun;
    for (const call of calls)
      assert.equal(call.status === 'rejected' && call.reason.code, 'M4C_BUS_UNREACHABLE');
    assert.ok(took < 3000, `${took} ms`);
    for (const call of first) assert.equal(call.status === 'rejected' && call.reason.code, 'M4C_NO_QUORUM');
  } finally {
    process.kill(domain.server.pid!, 'SIGCONT');
  }
});

function connection(wanted: boolean): Promise<void> {
  if (bus.connected === wanted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = bus.onConnection((connected) => {
      if (connected !== wanted) return;
      end();
      resolve();
    });
  });
}
