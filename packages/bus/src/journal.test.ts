// Mutation seen red, each in the test named: (1) a duplicate taken for an acknowledgement ("of two managers", "a forged message");
// (2) no withdrawal after a failed append ("who repeats", "an append that was stored"); (3) finish not waiting for the log ("nobody
// hears"); (4) the epoch that is open not compared ("only who has opened"); (5) a deposed manager's outcomes not refused at
// once ("was deposed while"); (6) no wait for the directory ("what is not to be believed"), (7) how far it was applied not
// written (the same); (8) a stream with another time of making taken for the same ("made anew"), (9) one with other messages
// ("lost its tail"); (10) leftovers not appended before lead ("version 1"); (11) adopted what this manager accepted itself
// ("a deposed manager still accepts"); (12) a fault of the stream told as one of the file ("only what the own file"); (13) no step from version 2;
// (14) who follows told only of what it adopts ("whoever follows").
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { after, afterEach, test } from 'node:test';
import { Mom4cError, silentLog, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import type { Clock, Epoch, JournalEntry, Log, SharedJournal } from '@mom4c/core';
import { openJournalFile } from './journal-file.ts';
import { createJournal, openJournal } from './journal.ts';
import { clearRecords, MemoryLog } from './test-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-journal-'));
after(() => rmSync(folder, { recursive: true }));
const opened = new Set<SharedJournal>();
const closeAll = async (): Promise<void> => {
  await Promise.all([...opened].map((journal) => journal.close()));
  opened.clear();
};
afterEach(closeAll);

let files = 0;
const newFile = (): string => join(folder, `journal-${files++}.db`);
const epoch = (counter: number): Epoch => ({ generation: 1, counter });
const key = Uint8Array.of(7);

type Opened = {
  manager?: string;
  file?: string;
  clock?: Clock;
  log?: Log;
  records?: ReturnType<typeof clearRecords>;
};
/** Its own end of the log. */
function open(shared: MemoryLog, options: Opened = {}) {
  const { manager = 'cm1', file = newFile(), clock = systemClock, log = silentLog } = options;
  const records = options.records ?? clearRecords(manager);
  const journal = createJournal({
    file: openJournalFile(file),
    stream: shared.stream(),
    records,
    clock,
    log,
  });
  opened.add(journal);
  return journal;
}

async function openLeader(shared: MemoryLog, options: Opened = {}, counter = 1) {
  const journal = open(shared, options);
  await journal.lead(epoch(counter));
  return journal;
}

const entry = (fields: Partial<JournalEntry> = {}): JournalEntry => ({
  id: uuidv7(systemClock, systemRandom),
  command: 'listsensors',
  requester: 'admin@alpha.test/cli',
  acceptedAt: 1000,
  deadline: 2000,
  evidence: Uint8Array.of(1, 2, 3),
  targets: ['te1', 'te2'],
  ...fields,
});

/** The next record waits on its way, until it is let go. */
function holdNext(shared: MemoryLog) {
  const hold = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  shared.before = () => {
    shared.before = async () => {};
    asked.resolve();
    return hold.promise;
  };
  return { asked, hold };
}

/** Resolves once it has followed the log to its end. */
async function followed(journal: SharedJournal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = journal.onLag((lag) => lag === 0 && resolve());
  if (journal.lag === 0) resolve();
  await promise;
  end();
}

const adoptions = (journal: SharedJournal): JournalEntry[] => {
  const adopted: JournalEntry[] = [];
  journal.onAdopted((one) => adopted.push(one));
  return adopted;
};
const unavailable = (): Promise<never> => Promise.reject(new Mom4cError('M4C_NO_QUORUM'));

test('accepted, found, finished, and all that again after a restart', async () => {
  const shared = new MemoryLog();
  const file = newFile();
  const first = await openLeader(shared, { file });
  const [old, young] = [entry({ acceptedAt: 1 }), entry({ acceptedAt: 2 })];
  assert.equal(await first.accept(young), true);
  assert.equal(await first.accept(old), true);
  assert.equal(await first.accept({ ...old, command: 'ping' }), false);
  assert.deepEqual(await first.find(old.id), { state: 'accepted', entry: old });
  assert.equal(await first.find('unknown'), undefined);
  await followed(first);
  assert.deepEqual(await first.unfinished(), [old, young]);
  await first.finish(old.id, Uint8Array.of(9));
  await first.finish(old.id, Uint8Array.of(8));
  await closeAll();
  assert.equal(statSync(file).mode & 0o777, 0o600);

  const second = await openLeader(shared, { file });
  assert.deepEqual(await second.unfinished(), [young]);
  assert.deepEqual(await second.find(old.id), { state: 'finished', entry: old, outcome: Uint8Array.of(9) });
  assert.equal(await second.accept(old), false);
  assert.deepEqual(second.led, { epoch: epoch(1), manager: 'cm1' });
});

test('calls of one moment share a transaction, and one of several with the same id wins', async (context) => {
  const shared = new MemoryLog();
  const file = openJournalFile(newFile());
  const commits = context.mock.method(file, 'transaction');
  const records = clearRecords('cm1');
  const journal = createJournal({
    file,
    stream: shared.stream(),
    records,
    clock: systemClock,
    log: silentLog,
  });
  opened.add(journal);
  await journal.lead(epoch(1));
  const before = commits.mock.callCount();
  const hold = Promise.withResolvers<void>();
  shared.before = () => hold.promise;
  const same = entry();
  const results = Promise.all([same, entry(), same, entry()].map((one) => journal.accept(one)));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(commits.mock.callCount() - before, 1);
  hold.resolve();
  assert.deepEqual(await results, [true, true, false, true]);
});

test('who repeats an id while it is being accepted learns the outcome, not that there is a row', async () => {
  const shared = new MemoryLog();
  const journal = await openLeader(shared);
  const answer = Promise.withResolvers<never>();
  const asked = Promise.withResolvers<void>();
  shared.before = () => {
    asked.resolve();
    return answer.promise;
  };
  const one = entry();
  const both = Promise.allSettled([journal.accept(one), journal.accept(one)]);
  await asked.promise;
  // The row is in the file, but may be taken back.
  const found = assert.rejects(journal.find(one.id), { code: 'M4C_NO_QUORUM' });
  answer.reject(new Mom4cError('M4C_NO_QUORUM'));
  assert.deepEqual(
    (await both).map((result) => result.status === 'rejected' && result.reason.code),
    ['M4C_NO_QUORUM', 'M4C_NO_QUORUM'],
  );
  await found;
  assert.equal(await journal.find(one.id), undefined);
  shared.before = async () => {};
  assert.equal(await journal.accept(one), true);
});

test('only who has opened the highest epoch accepts or finishes anything', async () => {
  const shared = new MemoryLog();
  const [one, two] = [open(shared), open(shared, { manager: 'cm2' })];
  await assert.rejects(one.accept(entry()), { code: 'M4C_EPOCH' });
  await one.lead(epoch(2));
  await assert.rejects(two.lead(epoch(1)), { code: 'M4C_EPOCH' });
  await assert.rejects(two.lead(epoch(2)), { code: 'M4C_EPOCH' });
  await assert.rejects(two.accept(entry()), { code: 'M4C_EPOCH' });
  const open1 = entry();
  await one.accept(open1);
  await two.lead(epoch(3));
  await followed(one);
  assert.deepEqual(one.led, { epoch: epoch(3), manager: 'cm2' });
  await assert.rejects(one.accept(entry()), { code: 'M4C_EPOCH' });
  await assert.rejects(one.finish(open1.id, key), { code: 'M4C_EPOCH' });
  assert.deepEqual(await two.unfinished(), [open1]);
});

test('what a deposed manager still accepts is adopted by the one that leads, and by it alone', async () => {
  const shared = new MemoryLog();
  const [one, two] = [await openLeader(shared), open(shared, { manager: 'cm2' })];
  const [by1, by2] = [adoptions(one), adoptions(two)];
  const before = entry();
  await one.accept(before);
  // The first does not hear yet that it is deposed: its record is on its way while the second takes over.
  const late = entry();
  const { asked, hold } = holdNext(shared);
  const accepting = one.accept(late);
  await asked.promise;
  await two.lead(epoch(2));
  hold.resolve();
  assert.equal(await accepting, true);
  await Promise.all([followed(one), followed(two)]);
  assert.deepEqual(by2, [late]);
  assert.deepEqual(by1, []);
  assert.deepEqual(
    await two.unfinished(),
    [before, late].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  );
});

test('whoever follows the log hears of each entry, accepted by itself or by another', async () => {
  const shared = new MemoryLog();
  const leader = await openLeader(shared);
  const follower = open(shared, { manager: 'cm2' });
  const one = entry();
  const heard = [leader, follower].map(
    (journal) => new Promise((resolve) => journal.onAccepted(({ id }) => resolve(id))),
  );
  await leader.accept(one);
  assert.deepEqual(await Promise.all(heard), [one.id, one.id]);
});

test('of two managers that accept one id the log takes the first entry, and the other learns it', async () => {
  const shared = new MemoryLog();
  const [one, two] = [await openLeader(shared), open(shared, { manager: 'cm2' })];
  const first = entry();
  const { asked, hold } = holdNext(shared);
  const accepting = one.accept(first);
  await asked.promise;
  await two.lead(epoch(2));
  const adopted = adoptions(one);
  const second = { ...first, command: 'ping' };
  assert.equal(await two.accept(second), true);
  hold.resolve();
  assert.equal(await accepting, false);
  for (const journal of [one, two])
    assert.deepEqual(await journal.find(first.id), { state: 'accepted', entry: second });
  assert.deepEqual(adopted, []);
});

test('an append that was stored although its acknowledgement was lost comes back by the log', async () => {
  const shared = new MemoryLog();
  const journal = await openLeader(shared);
  const adopted = adoptions(journal);
  const one = entry();
  shared.after = unavailable;
  await assert.rejects(journal.accept(one), { code: 'M4C_NO_QUORUM' });
  shared.after = async () => {};
  await followed(journal);
  assert.deepEqual(adopted, [one]);
  assert.equal(await journal.accept(one), false);
  assert.deepEqual(adopted, [one]);
  assert.deepEqual(await journal.unfinished(), [one]);
});

test('nobody hears of an outcome before the log has it, and none is lost while the stream is away', async () => {
  const shared = new MemoryLog();
  const file = newFile();
  const one = entry();
  const first = await openLeader(shared, { file });
  await first.accept(one);
  await followed(first);
  const tried = new EventEmitter();
  shared.before = () => {
    tried.emit('try');
    return unavailable();
  };
  const finishing = first.finish(one.id, Uint8Array.of(9));
  await once(tried, 'try');
  assert.equal((await first.find(one.id))?.state, 'accepted');
  // It is as good as finished: nobody should act on it again.
  assert.deepEqual(await first.unfinished(), []);
  await once(tried, 'try');
  shared.before = async () => {};
  await finishing;
  assert.equal((await first.find(one.id))?.state, 'finished');

  const two = entry();
  await first.accept(two);
  shared.before = unavailable;
  const lost = assert.rejects(first.finish(two.id, Uint8Array.of(8)), { code: 'M4C_JOURNAL' });
  await first.find(two.id);
  await new Promise(setImmediate);
  await closeAll();
  await lost;
  shared.before = async () => {};
  const second = await openLeader(shared, { file });
  const other = open(shared, { manager: 'cm2' });
  await until(async () => (await second.find(two.id))?.state === 'finished');
  await followed(other);
  assert.deepEqual(await other.find(two.id), { state: 'finished', entry: two, outcome: Uint8Array.of(8) });
});

test('a manager that was deposed while its outcome was on its way does not tell it', async () => {
  const shared = new MemoryLog();
  const [one, two] = [await openLeader(shared), open(shared, { manager: 'cm2' })];
  const command = entry();
  await one.accept(command);
  const { asked, hold } = holdNext(shared);
  const finishing = assert.rejects(one.finish(command.id, Uint8Array.of(1)), { code: 'M4C_EPOCH' });
  await asked.promise;
  await two.lead(epoch(2));
  // Whatever becomes of its record.
  await finishing;
  hold.resolve();
  assert.equal((await two.find(command.id))?.state, 'accepted');
  await two.finish(command.id, Uint8Array.of(2));
  await followed(one);
  for (const journal of [one, two])
    assert.deepEqual(await journal.find(command.id), {
      state: 'finished',
      entry: command,
      outcome: Uint8Array.of(2),
    });
});

test('what is not to be believed is stepped over and counted; what is not known now is waited for', async () => {
  const shared = new MemoryLog();
  const leader = await openLeader(shared);
  let away = true;
  const forged = entry();
  const records = clearRecords('cm2', (record) => {
    if (record.kind === 'accepted' && record.entry.id === forged.id)
      return new Mom4cError('M4C_BAD_SIGNATURE');
    return away ? new Mom4cError('M4C_DIRECTORY_UNREACHABLE') : undefined;
  });
  const lines: string[] = [];
  const note = (_fields: object, message: string): void => void lines.push(message);
  const log = { ...silentLog, warn: note };
  shared.put(await records.sign({ kind: 'accepted', manager: 'cm1', epoch: epoch(1), entry: forged }));
  shared.put(Buffer.from('no record'));
  const good = entry();
  await leader.accept(good);
  const file = newFile();
  const standby = open(shared, { records, log, file });
  await until(async () => lines.length > 0);
  assert.match(lines[0]!, /waits until the signer/);
  assert.equal(standby.lag, 4);
  away = false;
  await followed(standby);
  assert.equal(standby.skipped, 2);
  assert.equal(await standby.find(forged.id), undefined);
  assert.deepEqual(await standby.unfinished(), [good]);
  assert.match(lines.at(-1)!, /not to be believed/);
  await standby.close();
  opened.delete(standby);
  // What was applied is not applied again.
  const again = open(shared, { records, file });
  await followed(again);
  assert.equal(again.skipped, 0);
  assert.deepEqual(await again.unfinished(), [good]);
});

test('a forged message under the id of an entry does not keep it out of the log', async () => {
  const shared = new MemoryLog();
  const [journal, standby] = [await openLeader(shared), open(shared, { manager: 'cm2' })];
  const one = entry();
  shared.put(Buffer.from('no record'), `accepted:${one.id}`);
  assert.equal(await journal.accept(one), true);
  shared.put(Buffer.from('no record'), `finished:${one.id}:1.1:0`);
  await journal.finish(one.id, Uint8Array.of(9));
  await followed(standby);
  assert.equal((await standby.find(one.id))?.state, 'finished');
});

test('a stream that was made anew is applied from its start, and gets what is unfinished and who leads', async () => {
  const shared = new MemoryLog();
  const journal = await openLeader(shared);
  const [done, open1] = [entry(), entry()];
  await journal.accept(done);
  await journal.accept(open1);
  await journal.finish(done.id, Uint8Array.of(9));
  // One whose first messages are gone already.
  const data = await clearRecords('cm3').sign({ kind: 'lead', manager: 'cm3', epoch: epoch(0) });
  shared.replace('second', [{ sequence: 100, time: Date.now(), data }]);
  await until(async () => shared.records.length >= 3);
  const standby = open(shared, { manager: 'cm2' });
  await Promise.all([followed(standby), followed(journal)]);
  assert.deepEqual(await standby.unfinished(), [open1]);
  assert.deepEqual(standby.led, { epoch: epoch(1), manager: 'cm1' });
  await journal.finish(open1.id, Uint8Array.of(8));
  await followed(standby);
  assert.equal((await standby.find(open1.id))?.state, 'finished');
  assert.equal((await journal.find(done.id))?.state, 'finished');
});

test('a stream that lost its tail, and went on, is applied from where the two part', async () => {
  const shared = new MemoryLog();
  let now = 1_000_000;
  shared.now = () => (now += 20_000);
  const [one, two] = [await openLeader(shared), open(shared, { manager: 'cm2' })];
  const [kept, lost, finished] = [entry(), entry(), entry()];
  for (const each of [kept, finished]) await one.accept(each);
  await followed(one);
  const stays = shared.messages.slice();
  await one.accept(lost);
  await one.finish(finished.id, Uint8Array.of(9));
  await Promise.all([followed(one), followed(two)]);
  await two.close();
  opened.delete(two);
  // Others write into the place of what was lost, before anybody looks.
  const third = entry();
  const data = await clearRecords('cm3').sign({
    kind: 'accepted',
    manager: 'cm3',
    epoch: epoch(0),
    entry: third,
  });
  const more = [1, 2].map((i) => ({ sequence: stays.at(-1)!.sequence + i, time: now + i, data }));
  const adopted = adoptions(one);
  shared.replace('first', [...stays, ...more]);
  await until(async () => shared.records.filter((record) => record.kind === 'finished').length === 1);
  await followed(one);
  assert.deepEqual(adopted, [third]);
  const fresh = open(shared, { manager: 'cm4' });
  await followed(fresh);
  const ids = (await fresh.unfinished()).map(({ id }) => id);
  assert.deepEqual(ids.toSorted(), [kept.id, lost.id, third.id].toSorted());
  assert.equal((await fresh.find(finished.id))?.state, 'finished');
});

test('a follower that the stream has left behind says so, and goes on', async () => {
  const shared = new MemoryLog();
  const file = newFile();
  const [journal, standby] = [await openLeader(shared), open(shared, { manager: 'cm2', file })];
  await followed(standby);
  await standby.close();
  opened.delete(standby);
  const [missed, seen] = [entry(), entry()];
  await journal.accept(missed);
  await journal.accept(seen);
  shared.messages = shared.messages.slice(-1);
  const lines: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void lines.push(message) };
  const again = open(shared, { manager: 'cm2', file, log });
  await followed(again);
  assert.deepEqual(lines, ['journal: the log begins behind what was applied of it']);
  assert.deepEqual(await again.unfinished(), [seen]);
});

test('what a crash left in the file alone goes into the log at the next start', async () => {
  const shared = new MemoryLog();
  const file = newFile();
  const left = entry();
  const alone = openJournalFile(file);
  alone.transaction(() => alone.add(left, epoch(1)));
  alone.close();
  const standby = open(shared, { file });
  await until(async () => shared.records.length === 1);
  await followed(standby);
  assert.deepEqual(await standby.unfinished(), [left]);
});

test('finishing what was not accepted, and anything after close, is M4C_JOURNAL', async () => {
  const journal = await openLeader(new MemoryLog());
  await assert.rejects(journal.finish('unknown', new Uint8Array()), { code: 'M4C_JOURNAL' });
  await closeAll();
  await assert.rejects(journal.accept(entry()), { code: 'M4C_JOURNAL' });
  await assert.rejects(journal.lead(epoch(2)), { code: 'M4C_JOURNAL' });
});

test('a file that is no journal, is in use or cannot be written is M4C_JOURNAL', async () => {
  const broken = newFile();
  writeFileSync(broken, 'x'.repeat(4096));
  const jetstream = { bus: undefined as never, stream: 'S', replicas: 1 } as const;
  const openAt = (file: string) =>
    openJournal({ file, jetstream, records: clearRecords('cm1'), log: silentLog });
  await assert.rejects(openAt(broken), { code: 'M4C_JOURNAL' });
  await assert.rejects(openAt(join(folder, 'absent', 'journal.db')), { code: 'M4C_JOURNAL' });
  const used = newFile();
  await openLeader(new MemoryLog(), { file: used });
  await assert.rejects(openAt(used), { code: 'M4C_JOURNAL' });
});

test('only what the own file cannot take is a fault of the file', async (context) => {
  const shared = new MemoryLog();
  const file = openJournalFile(newFile());
  const parts = { file, stream: shared.stream(), records: clearRecords('cm1'), clock: systemClock };
  const journal = createJournal({ ...parts, log: silentLog });
  opened.add(journal);
  await journal.lead(epoch(1));
  let faults = 0;
  journal.onFileFault(() => (faults += 1));
  shared.before = () => Promise.reject(new Mom4cError('M4C_JOURNAL', 'no answer'));
  await assert.rejects(journal.accept(entry()), { code: 'M4C_JOURNAL' });
  assert.equal(faults, 0);
  const full = context.mock.method(file, 'transaction', () => {
    throw new Error('database or disk is full');
  });
  await assert.rejects(journal.accept(entry()), { code: 'M4C_JOURNAL', detail: 'database or disk is full' });
  assert.equal(faults, 1);
  full.mock.restore();
});

test('a day after they finished, entries go; unfinished ones stay', async () => {
  const shared = new MemoryLog();
  const file = newFile();
  let now = 1_000_000;
  shared.now = () => now;
  const clock: Clock = { ...systemClock, now: () => now };
  const first = await openLeader(shared, { file, clock });
  const [finished, unfinished] = [entry(), entry()];
  await Promise.all([first.accept(finished), first.accept(unfinished)]);
  await first.finish(finished.id, new Uint8Array());
  await closeAll();
  for (const [hours, stays] of [
    [23, true],
    [25, false],
  ] as const) {
    now = 1_000_000 + hours * 3_600_000;
    const journal = open(shared, { file, clock });
    assert.equal((await journal.find(finished.id)) !== undefined, stays, `${hours} h`);
    assert.notEqual(await journal.find(unfinished.id), undefined);
    await closeAll();
  }
});

test('a file of version 2 is taken over with what it has opened', async () => {
  const file = newFile();
  const left = entry();
  const first = openJournalFile(file);
  first.transaction(() => {
    first.add(left, epoch(4));
    first.apply([{ sequence: 1, time: 1, record: { kind: 'lead', manager: 'cm2', epoch: epoch(7) } }]);
  });
  first.close();
  const database = new DatabaseSync(file);
  database.exec(`
    ALTER TABLE entries RENAME COLUMN counter TO revision;
    ALTER TABLE log RENAME COLUMN counter TO revision;
    ALTER TABLE log ADD COLUMN key BLOB;
    PRAGMA user_version = 2;`);
  database.close();
  const again = openJournalFile(file);
  assert.deepEqual(again.position().led, { epoch: epoch(7), manager: 'cm2' });
  assert.deepEqual(again.unlogged(), [{ entry: left, epoch: epoch(4) }]);
  again.close();
});

test('a file of version 1 is taken over: what was finished stays, the rest goes into the log', async () => {
  const file = newFile();
  const database = new DatabaseSync(file);
  const [done, left] = [entry({ acceptedAt: 1 }), entry({ acceptedAt: 2 })];
  database.exec(`${VERSION_1} PRAGMA user_version = 1;`);
  const insert = database.prepare(
    `INSERT INTO entries (id, command, requester, accepted_at, deadline, evidence, targets, published, outcome, finished_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)`,
  );
  for (const [one, outcome] of [
    [done, Uint8Array.of(9)],
    [left, null],
  ] as const) {
    const { id, command, requester, acceptedAt, deadline, evidence, targets } = one;
    const at = outcome && Date.now();
    insert.run(id, command, requester, acceptedAt, deadline, evidence, JSON.stringify(targets), outcome, at);
  }
  database.close();
  const shared = new MemoryLog();
  const journal = await openLeader(shared, { file });
  assert.deepEqual(await journal.find(done.id), {
    state: 'finished',
    entry: done,
    outcome: Uint8Array.of(9),
  });
  assert.deepEqual(await journal.unfinished(), [left]);
  assert.deepEqual(
    shared.records.map(({ kind }) => kind),
    ['accepted', 'lead'],
  );
  const later = new DatabaseSync(newFile());
  later.exec('PRAGMA user_version = 9');
  const [{ file: path }] = later.prepare('PRAGMA database_list').all() as [{ file: string }];
  later.close();
  assert.throws(() => openJournalFile(path), /schema version 9/);
});

const VERSION_1 = `
  CREATE TABLE entries (
    id TEXT PRIMARY KEY, command TEXT NOT NULL, requester TEXT NOT NULL, accepted_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL, evidence BLOB NOT NULL, targets TEXT NOT NULL, published INTEGER NOT NULL DEFAULT 0,
    outcome BLOB, finished_at INTEGER, finish_published INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entries_open ON entries (accepted_at) WHERE finished_at IS NULL;
  CREATE INDEX entries_finished ON entries (finished_at) WHERE finished_at IS NOT NULL;
  CREATE INDEX entries_unpublished ON entries (published) WHERE published = 0;
  CREATE INDEX entries_finish_unpublished ON entries (finished_at)
    WHERE finished_at IS NOT NULL AND finish_published = 0;`;

test('what was acknowledged survives SIGKILL in the middle of accepts', { timeout: 30_000 }, async () => {
  const file = newFile();
  const program = `
    import { openJournalFile } from '${new URL('./journal-file.ts', import.meta.url).href}';
    import { createJournal } from '${new URL('./journal.ts', import.meta.url).href}';
    import { clearRecords, MemoryLog } from '${new URL('./test-log.ts', import.meta.url).href}';
    import { silentLog, systemClock, systemRandom, uuidv7 } from '${import.meta.resolve('@mom4c/core')}';
    import { writeSync } from 'node:fs';
    const journal = createJournal({ file: openJournalFile(${JSON.stringify(file)}), stream: new MemoryLog().stream(),
      records: clearRecords('cm1'), clock: systemClock, log: silentLog });
    await journal.lead({ generation: 1, counter: 1 });
    const worker = async () => {
      for (;;) {
        const id = uuidv7(systemClock, systemRandom);
        await journal.accept({ id, command: 'c', requester: 'r', acceptedAt: 1, deadline: 2, evidence: new Uint8Array(500), targets: [] });
        writeSync(1, id + '\\n');
      }
    };
    for (let i = 0; i < 20; i++) void worker();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  for await (const id of createInterface({ input: child.stdout })) {
    acknowledged.push(id);
    if (acknowledged.length === 300) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  const journal = openJournalFile(file);
  assert.ok(acknowledged.length >= 300);
  // A line that the death cut short is no acknowledgement.
  const lost = acknowledged.filter((id) => id.length === 36 && journal.find(id) === undefined);
  assert.deepEqual(lost, []);
  journal.close();
});

/** What has no event that a caller could wait for. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'it does not come');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
