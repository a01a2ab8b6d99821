// Mutation seen red: (1) no commit awaited in accept (the killed process then loses acknowledged entries: `commit` put
// behind a resolved promise); (2) duplicates reported as new; (3) each accept a transaction of its own; (4) purge
// comparing the wrong way round; (5) `accepting` not consulted by accept, (6) by find; (7) finish waiting for the stream; (8) no retry of an
// outcome; (9) unpublished outcomes not read at the start; (10) purge taking unpublished outcomes; (11) close not
// waiting for the outcome that is being sent.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { systemClock, systemRandom, uuidv7, type Clock, type JournalEntry } from '@mom4c/core';
import { openJournalFile } from './journal-file.ts';
import type { JournalStream } from './journal-stream.ts';
import { createJournal, openJournal } from './journal.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-journal-'));
after(() => rmSync(folder, { recursive: true }));

const log = { debug() {}, info() {}, warn() {}, error() {} };
let files = 0;
const newFile = (): string => join(folder, `journal-${files++}.db`);
const open = (file: string, clock: Clock = systemClock) => openJournal({ file, log, clock });

function entry(fields: Partial<JournalEntry> = {}): JournalEntry {
  return {
    id: uuidv7(systemClock, systemRandom),
    command: 'listsensors',
    requester: 'admin@alpha.test/cli',
    acceptedAt: 1000,
    deadline: 2000,
    evidence: Uint8Array.of(1, 2, 3),
    targets: ['te1', 'te2'],
    ...fields,
  };
}

test('accepted, found, finished, and all that again after a restart', async () => {
  const file = newFile();
  const first = await open(file);
  const [old, young] = [entry({ acceptedAt: 1 }), entry({ acceptedAt: 2 })];
  assert.equal(await first.accept(young), true);
  assert.equal(await first.accept(old), true);
  assert.equal(await first.accept({ ...old, command: 'ping' }), false);
  assert.deepEqual(await first.find(old.id), { state: 'accepted', entry: old });
  assert.equal(await first.find('unknown'), undefined);
  assert.deepEqual(await first.unfinished(), [old, young]);
  await first.finish(old.id, Uint8Array.of(9));
  await first.close();
  assert.equal(statSync(file).mode & 0o777, 0o600);

  const second = await open(file);
  assert.deepEqual(await second.unfinished(), [young]);
  assert.deepEqual(await second.find(old.id), { state: 'finished', entry: old, outcome: Uint8Array.of(9) });
  assert.equal(await second.accept(old), false);
  await second.close();
});

test('calls of one moment share a transaction, and one of several with the same id wins', async (context) => {
  const journal = openJournalFile(newFile());
  const commits = context.mock.method(journal, 'commit');
  const shared = createJournal(journal, undefined, systemClock, log);
  const same = entry();
  const results = await Promise.all([same, entry(), same, entry()].map((one) => shared.accept(one)));
  assert.deepEqual(results, [true, true, false, true]);
  assert.equal(commits.mock.callCount(), 1);
  await shared.close();
});

test('who repeats an id while it is being accepted learns the outcome, not that there is a row', async () => {
  const answer = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const stream: JournalStream = {
    accepted() {
      asked.resolve();
      return answer.promise;
    },
    finished: async () => {},
  };
  const journal = createJournal(openJournalFile(newFile()), stream, systemClock, log);
  const one = entry();
  const both = Promise.allSettled([journal.accept(one), journal.accept(one)]);
  await asked.promise;
  // The row is in the file, but may be withdrawn.
  const found = journal.find(one.id);
  answer.reject(new Error('no quorum'));
  assert.deepEqual(
    (await both).map((result) => result.status),
    ['rejected', 'rejected'],
  );
  assert.equal(await found, undefined);
  await journal.close();
});

test('an outcome is finished without the stream, which gets it later: by retry, or after the next start', async () => {
  let now = 1_000_000;
  /** Retries of the publisher; the other timer is the hourly purge. */
  const timers = new Set<() => void>();
  const clock: Clock = {
    ...systemClock,
    now: () => now,
    after(ms, callback) {
      if (ms <= 60_000) timers.add(callback);
      return () => timers.delete(callback);
    },
  };
  const sent = new EventEmitter();
  const next = async (): Promise<unknown[]> => await once(sent, 'finished');
  let answer = (): Promise<void> => Promise.reject(new Error('no quorum'));
  const stream: JournalStream = {
    accepted: async () => {},
    finished(id, outcome) {
      const answered = answer();
      // Once the journal has seen the answer.
      void answered.catch(() => {}).then(() => setImmediate(() => sent.emit('finished', id, outcome)));
      return answered;
    },
  };
  const file = newFile();
  const restart = () => createJournal(openJournalFile(file), stream, clock, log);
  const [one, two] = [entry(), entry()];

  const first = restart();
  await Promise.all([first.accept(one), first.accept(two)]);
  const failed = next();
  await first.finish(one.id, Uint8Array.of(9));
  await failed;
  answer = async () => {};
  const retried = next();
  for (const retry of timers) retry();
  assert.deepEqual(await retried, [one.id, Uint8Array.of(9)]);
  answer = () => Promise.reject(new Error('no quorum'));
  const failedAgain = next();
  await first.finish(two.id, Uint8Array.of(8));
  await failedAgain;
  await first.close();

  // After a day the published one goes, the other one stays until the stream has it.
  now += 25 * 3_600_000;
  const stuck = Promise.withResolvers<void>();
  answer = () => stuck.promise;
  const second = restart();
  assert.equal(await second.find(one.id), undefined);
  assert.equal((await second.find(two.id))?.state, 'finished');
  const published = next();
  const closed = second.close();
  // Time for a close that does not wait.
  await new Promise(setImmediate);
  stuck.resolve();
  assert.deepEqual(await published, [two.id, Uint8Array.of(8)]);
  await closed;

  const third = restart();
  assert.equal(await third.find(two.id), undefined);
  await third.close();
});

test('finish does not wait for a stream that is silent', async () => {
  const silent = Promise.withResolvers<void>();
  const stream: JournalStream = { accepted: async () => {}, finished: () => silent.promise };
  const journal = createJournal(openJournalFile(newFile()), stream, systemClock, log);
  const one = entry();
  await journal.accept(one);
  await journal.finish(one.id, Uint8Array.of(9));
  assert.equal((await journal.find(one.id))?.state, 'finished');
  silent.resolve();
  await journal.close();
});

test('finishing what was not accepted, and anything after close, is M4C_JOURNAL', async () => {
  const journal = await open(newFile());
  await assert.rejects(journal.finish('unknown', new Uint8Array()), { code: 'M4C_JOURNAL' });
  await journal.close();
  await assert.rejects(journal.accept(entry()), { code: 'M4C_JOURNAL' });
});

test('a file that is no journal, is in use or cannot be written is M4C_JOURNAL', async () => {
  const broken = newFile();
  writeFileSync(broken, 'x'.repeat(4096));
  await assert.rejects(open(broken), { code: 'M4C_JOURNAL' });
  await assert.rejects(open(join(folder, 'absent', 'journal.db')), { code: 'M4C_JOURNAL' });
  const used = newFile();
  const journal = await open(used);
  await journal.accept(entry());
  await assert.rejects(open(used), { code: 'M4C_JOURNAL' });
  await journal.close();
});

test('a day after they finished, entries go; unfinished ones stay', async () => {
  const file = newFile();
  let now = 1_000_000;
  const clock: Clock = { ...systemClock, now: () => now };
  const first = await open(file, clock);
  const [finished, unfinished] = [entry(), entry()];
  await Promise.all([first.accept(finished), first.accept(unfinished)]);
  await first.finish(finished.id, new Uint8Array());
  await first.close();
  for (const [hours, stays] of [
    [23, true],
    [25, false],
  ] as const) {
    now = 1_000_000 + hours * 3_600_000;
    const journal = await open(file, clock);
    assert.equal((await journal.find(finished.id)) !== undefined, stays, `${hours} h`);
    assert.notEqual(await journal.find(unfinished.id), undefined);
    await journal.close();
  }
});

test('what was acknowledged survives SIGKILL in the middle of accepts', { timeout: 30_000 }, async () => {
  const file = newFile();
  const program = `
    import { openJournal } from '${new URL('./journal.ts', import.meta.url).href}';
    import { systemClock, systemRandom, uuidv7 } from '${import.meta.resolve('@mom4c/core')}';
    import { writeSync } from 'node:fs';
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const journal = await openJournal({ file: ${JSON.stringify(file)}, log });
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
  const journal = await open(file);
  const kept = new Set((await journal.unfinished()).map((one) => one.id));
  assert.ok(acknowledged.length >= 300);
  // A line that the death cut short is no acknowledgement.
  const lost = acknowledged.filter((id) => id.length === 36 && !kept.has(id));
  assert.deepEqual(lost, []);
  await journal.close();
});
