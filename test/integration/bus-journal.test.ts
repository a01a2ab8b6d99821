import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { connectBus, openJournal, type Bus, type FollowedJournal } from '@mom4c/bus';
import type { Epoch, JournalEntry, JournalRecords, SharedJournal } from '@mom4c/core';
import { journalEntry as entry, journalIdentities, type JournalIdentities } from './journal-identities.ts';
import { freeze } from '../support/processes.ts';
import { silent, startNatsDomain, type NatsDomain } from './nats-domain.ts';
import { connectRaw, type RawNats } from './raw-nats.ts';

let domain: NatsDomain;
let identities: JournalIdentities;
const buses: Bus[] = [];
const managers: JournalRecords[] = [];
let raw: RawNats;

before(async () => {
  domain = await startNatsDomain();
  identities = await journalIdentities();
  for (const name of ['cm1', 'cm2']) {
    buses.push(await connectBus({ url: domain.url, name, tls: await domain.client(name), log: silent }));
    managers.push(await identities.as(name));
  }
  raw = await connectRaw(domain.url, await domain.client('cm3'));
});
after(async () => {
  raw?.close();
  for (const bus of buses) await bus.close();
  await domain?.stop();
});

let files = 0;
const journals = new Set<SharedJournal>();
const closeAll = async (): Promise<void> => {
  await Promise.all([...journals].map((journal) => journal.close()));
  journals.clear();
};
afterEach(closeAll);

const newFile = (): string => join(domain.folder, `journal-${files++}.db`);
const epoch = (counter: number): Epoch => ({ generation: 1, counter });
const outcome = Uint8Array.of(7);

async function open(stream: string, manager = 0, file = newFile()): Promise<FollowedJournal> {
  const jetstream = { bus: buses[manager]!, stream, replicas: 1 } as const;
  const journal = await openJournal({ file, jetstream, records: managers[manager]!, log: silent });
  journals.add(journal);
  return journal;
}
async function openLeader(stream: string, file = newFile()): Promise<FollowedJournal> {
  const journal = await open(stream, 0, file);
  await journal.lead(epoch(1));
  return journal;
}

async function api(verb: string, stream: string): Promise<{ state: { messages: number; last_seq: number } }> {
  return JSON.parse(await raw.request(`$JS.API.STREAM.${verb}.${stream}`, ''));
}
const lastOf = async (stream: string): Promise<number> => (await api('INFO', stream)).state.last_seq;

/** Resolves once all know the same of these; whoever was told something has it already. */
async function agree(ids: readonly string[], ...all: SharedJournal[]): Promise<void> {
  for (;;) {
    const moved = Promise.withResolvers<void>();
    const ends = all.map((journal) => journal.onLag(() => moved.resolve()));
    const known = await Promise.all(all.map((journal) => Promise.all(ids.map((id) => journal.find(id)))));
    const same = known.every((states) => isDeepStrictEqual(states, known[0]));
    if (!same || known[0]!.includes(undefined)) await moved.promise;
    for (const end of ends) end();
    if (same && !known[0]!.includes(undefined)) return;
  }
}

function lagged(journal: SharedJournal, fits: (lag: number | undefined) => boolean): Promise<void> {
  if (fits(journal.lag)) return Promise.resolve();
  return new Promise((resolve) => {
    const end = journal.onLag((lag) => {
      if (!fits(lag)) return;
      end();
      resolve();
    });
  });
}

function adopted(journal: SharedJournal, id: string): Promise<JournalEntry> {
  return new Promise((resolve) => {
    const end = journal.onAdopted((one) => {
      if (one.id !== id) return;
      end();
      resolve(one);
    });
  });
}

test('a standby has what the leader accepts and finishes, and takes over where it ends', async () => {
  const [one, two] = [await openLeader('STANDBY'), await open('STANDBY', 1)];
  const [done, left] = [entry({ acceptedAt: 1 }), entry({ acceptedAt: 2 })];
  assert.deepEqual(await Promise.all([one.accept(done), one.accept(left)]), [true, true]);
  assert.equal(await one.accept(done), false);
  await one.finish(done.id, Uint8Array.of(9));
  await one.finish(done.id, Uint8Array.of(8));
  await two.lead(epoch(2));
  assert.deepEqual(await two.unfinished(), [left]);
  assert.deepEqual(await two.find(done.id), { state: 'finished', entry: done, outcome: Uint8Array.of(9) });
  assert.deepEqual(two.led, { epoch: epoch(2), manager: 'cm2' });
  assert.equal(await two.accept(left), false);
  await agree([done.id, left.id], one, two);
  await assert.rejects(one.accept(entry()), { code: 'M4C_EPOCH' });
  await assert.rejects(one.finish(left.id, outcome), { code: 'M4C_EPOCH' });
  await two.finish(left.id, Uint8Array.of(7));
  await agree([done.id, left.id], one, two);
});

test('an entry that a deposed manager still wrote is adopted, and its outcome is not', async () => {
  const [leader, standby] = [await openLeader('ADOPT'), await open('ADOPT', 1)];
  const [open1, late] = [entry(), entry()];
  await leader.accept(open1);
  await standby.lead(epoch(2));
  const coming = adopted(standby, late.id);
  // What the deposed one had on its way.
  const old = { manager: 'cm1', epoch: epoch(1) };
  const deposed = managers[0]!;
  raw.publishWith(
    {},
    'ADOPT.finished',
    await deposed.sign({ ...old, kind: 'finished', id: open1.id, outcome }),
  );
  raw.publishWith({}, 'ADOPT.accepted', await deposed.sign({ ...old, kind: 'accepted', entry: late }));
  assert.deepEqual(await coming, late);
  await agree([open1.id, late.id], leader, standby);
  assert.equal((await standby.find(open1.id))?.state, 'accepted');
  assert.equal(standby.skipped, 0);
});

test('what no manager has signed in its own name is stepped over', async () => {
  const [leader, standby] = [await openLeader('FORGED'), await open('FORGED', 1)];
  const mine = entry();
  await leader.accept(mine);
  const outsiders = [
    await (await journalIdentities()).as('cm1'),
    await identities.as('cm9', 'cm', false),
    await identities.as('te1', 'te'),
  ];
  for (const by of outsiders) {
    const common = { manager: by.manager, epoch: epoch(9) };
    const records = [
      { ...common, kind: 'lead' },
      { ...common, kind: 'accepted', entry: entry() },
      { ...common, kind: 'finished', id: mine.id, outcome },
    ] as const;
    for (const record of records) raw.publishWith({}, `FORGED.${record.kind}`, await by.sign(record));
  }
  raw.publish('FORGED.accepted', JSON.stringify({ ...entry(), evidence: 'AQID' }));
  await raw.flush();
  const later = entry();
  await leader.accept(later);
  await agree([mine.id, later.id], leader, standby);
  assert.equal(standby.skipped, 10);
  assert.deepEqual(standby.led?.epoch, epoch(1));
  const fresh = await open('FORGED', 1);
  await agree([mine.id, later.id], leader, fresh);
  assert.equal((await fresh.unfinished()).length, 2);
});

test('followers go on without gap or repetition over a server that is killed and comes back', {
  timeout: 60_000,
}, async () => {
  const [one, two] = [await openLeader('KILLED'), await open('KILLED', 1)];
  const entries = Array.from({ length: 50 }, () => entry());
  for (const each of entries.slice(0, 25)) await one.accept(each);
  const away = Promise.all([one, two].map((journal) => lagged(journal, (lag) => lag === undefined)));
  process.kill(domain.server.pid!, 'SIGKILL');
  await away;
  await assert.rejects(one.accept(entries[25]!), { code: 'M4C_JOURNAL' });
  assert.equal(await one.find(entries[25]!.id), undefined);
  await Promise.all([one, two].map((journal) => lagged(journal, (lag) => lag === 0)));
  for (const each of entries.slice(25)) assert.equal(await one.accept(each), true);
  await one.finish(entries[0]!.id, outcome);
  const ids = entries.map(({ id }) => id);
  await agree(ids, one, two);
  assert.equal((await two.unfinished()).length, 49);
  raw.close();
  raw = await connectRaw(domain.url, await domain.client('cm3'));
});

test('a stream that was deleted is made anew, and gets what is unfinished and who leads', {
  timeout: 60_000,
}, async () => {
  const [one, two] = [await openLeader('ANEW'), await open('ANEW', 1)];
  const [done, left] = [entry(), entry()];
  await one.accept(done);
  await one.accept(left);
  await one.finish(done.id, outcome);
  await agree([done.id, left.id], one, two);
  const lost = Promise.all([one, two].map((journal) => lagged(journal, (lag) => lag === undefined)));
  const begun = performance.now();
  await api('DELETE', 'ANEW');
  await lost;
  const noticed = performance.now() - begun;
  assert.ok(noticed < 5000, `noticed after ${noticed} ms`);
  await Promise.all([one, two].map((journal) => lagged(journal, (lag) => lag === 0)));
  const later = entry();
  await one.accept(later);
  const fresh = await open('ANEW', 1);
  await lagged(fresh, (lag) => lag === 0);
  await agree([left.id, later.id], one, two, fresh);
  await one.finish(left.id, outcome);
  await agree([left.id, later.id], one, two, fresh);
  assert.equal((await fresh.find(left.id))?.state, 'finished');
  assert.deepEqual(fresh.led, { epoch: epoch(1), manager: 'cm1' });
});

test('without an acknowledgement nothing is accepted, and the same id is one message', {
  timeout: 60_000,
}, async () => {
  const journal = await openLeader('GONE');
  const one = entry();
  const before = await lastOf('GONE');
  const coming = adopted(journal, one.id);
  await freeze(domain.server.pid!);
  try {
    await assert.rejects(journal.accept(one), { code: 'M4C_JOURNAL' });
    assert.equal(await journal.find(one.id), undefined);
  } finally {
    process.kill(domain.server.pid!, 'SIGCONT');
  }
  // The server had it in its socket: the log shows it, and the leader adopts it.
  assert.deepEqual(await coming, one);
  assert.equal(await journal.accept(one), false);
  await lagged(journal, (lag) => lag === 0);
  const records = (await lastOf('GONE')) - before;
  // One entry; and after a loss the log is told again who leads.
  assert.ok(records === 1 || records === 2, `${records}`);
  assert.deepEqual(await journal.unfinished(), [one]);
});

test('an outcome that the server did not take is there after the next start, and one is told then', {
  timeout: 60_000,
}, async () => {
  const file = newFile();
  const journal = await openLeader('LATER', file);
  const one = entry();
  await journal.accept(one);
  await lagged(journal, (lag) => lag === 0);
  await freeze(domain.server.pid!);
  try {
    const finishing = assert.rejects(journal.finish(one.id, outcome), { code: 'M4C_JOURNAL' });
    // Once the file has it, it is on its way.
    while ((await journal.unfinished()).length > 0) await new Promise(setImmediate);
    assert.equal((await journal.find(one.id))?.state, 'accepted');
    await closeAll();
    await finishing;
  } finally {
    process.kill(domain.server.pid!, 'SIGCONT');
  }
  const again = await openLeader('LATER', file);
  await again.finish(one.id, Uint8Array.of(8));
  assert.deepEqual(await again.find(one.id), { state: 'finished', entry: one, outcome });
});
