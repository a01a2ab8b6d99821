// Mutation seen red, each in the test named: (1) the row kept when JetStream does not acknowledge, and (2) no msgID, the stream
// then holds two ("without an acknowledgement"); (3) leftovers not published at the start ("a crash"); (4) each outcome
// published, not the first alone ("the stream gets"); (5) outcomes of the file not published at the start ("an outcome");
// (6) entries of the stream taken into the file at the start ("what others write").
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { connectBus, openJournal, type Bus } from '@mom4c/bus';
import { systemClock, systemRandom, uuidv7, type Journal, type JournalEntry } from '@mom4c/core';
import { freeze } from './processes.ts';
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

let files = 0;
const newFile = (): string => join(domain.folder, `journal-${files++}.db`);
const journals: Journal[] = [];
const closeAll = () => Promise.all(journals.splice(0).map((journal) => journal.close()));
afterEach(closeAll);

async function open(stream: string, file = newFile()): Promise<Journal> {
  const journal = await openJournal({ file, jetstream: { bus, stream, replicas: 1 }, log: silent });
  journals.push(journal);
  return journal;
}

async function streamState(stream: string): Promise<{ messages: number; last_seq: number }> {
  const info = JSON.parse(await raw.request(`$JS.API.STREAM.INFO.${stream}`, '')) as { state: never };
  return info.state;
}

/** Resolves once it listens, with a promise of the first payload. */
async function listen(subject: string): Promise<{ first: Promise<string> }> {
  const first = Promise.withResolvers<string>();
  await raw.subscribe(subject, ({ payload }) => first.resolve(payload));
  return { first: first.promise };
}

function entry(): JournalEntry {
  return {
    id: uuidv7(systemClock, systemRandom),
    command: 'ping',
    requester: 'admin@alpha.test/cli',
    acceptedAt: 1000,
    deadline: 2000,
    evidence: Uint8Array.of(1, 2, 3),
    targets: ['te1'],
  };
}

test('the stream gets each command and its first outcome, once', async () => {
  const journal = await open('COPY');
  const [one, two] = [entry(), entry()];
  assert.deepEqual(await Promise.all([journal.accept(one), journal.accept(two)]), [true, true]);
  assert.equal(await journal.accept(one), false);
  const copied = await listen('COPY.finished');
  await journal.finish(one.id, Uint8Array.of(9));
  await journal.finish(one.id, Uint8Array.of(8));
  assert.deepEqual(JSON.parse(await copied.first), { id: one.id, outcome: 'CQ==' });
  // Outcomes go one after the other, so this one would come after a second copy of the first.
  const last = await listen('COPY.finished');
  await journal.finish(two.id, Uint8Array.of(7));
  assert.deepEqual(JSON.parse(await last.first), { id: two.id, outcome: 'Bw==' });
  // Waits for the acknowledgement.
  await closeAll();
  assert.equal((await streamState('COPY')).messages, 4);
});

test('without an acknowledgement nothing is accepted, and the same id can be sent again', {
  timeout: 60_000,
}, async () => {
  const journal = await open('GONE');
  const one = entry();
  await freeze(domain.server.pid!);
  try {
    await assert.rejects(journal.accept(one), { code: 'M4C_JOURNAL' });
    assert.equal(await journal.find(one.id), undefined);
  } finally {
    process.kill(domain.server.pid!, 'SIGCONT');
  }
  assert.equal(await journal.accept(one), true);
  // What the stopped server had in its socket and what came later are one message.
  assert.equal((await streamState('GONE')).messages, 1);
});

test('what a crash left unpublished is published at the next start', async () => {
  const file = newFile();
  const alone = await openJournal({ file, log: silent });
  const one = entry();
  await alone.accept(one);
  await alone.close();
  const journal = await open('LEFT', file);
  assert.equal(await journal.accept(one), false);
  assert.equal((await streamState('LEFT')).messages, 1);
});

test('an outcome that the server did not take is published at the next start', async () => {
  const file = newFile();
  const alone = await openJournal({ file, log: silent });
  const one = entry();
  await alone.accept(one);
  await alone.finish(one.id, Uint8Array.of(9));
  await alone.close();
  const copied = await listen('LATER.finished');
  await open('LATER', file);
  assert.deepEqual(JSON.parse(await copied.first), { id: one.id, outcome: 'CQ==' });
});

test('what others write into the stream is not believed', async () => {
  const first = await open('FOREIGN');
  const [mine, forged] = [entry(), entry()];
  await first.accept(mine);
  raw.publish('FOREIGN.accepted', JSON.stringify({ ...forged, evidence: 'AQID' }));
  raw.publish('FOREIGN.finished', JSON.stringify({ id: mine.id, outcome: 'CQ==' }));
  await raw.flush();
  const later = entry();
  await first.accept(later);
  assert.equal((await streamState('FOREIGN')).messages, 4);
  assert.deepEqual(await first.unfinished(), [mine, later]);
  const other = await open('FOREIGN');
  assert.deepEqual(await other.unfinished(), []);
  assert.equal(await other.accept(forged), true);
});
