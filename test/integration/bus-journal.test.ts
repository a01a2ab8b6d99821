// Mutation seen red: (1) the row kept when JetStream does not acknowledge; (2) no msgID (the stream then holds two);
// (3) leftovers not published at the start; (4) no catchUp before unfinished(); (5) foreign messages not passed over.
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
afterEach(() => Promise.all(journals.splice(0).map((journal) => journal.close())));

async function open(stream: string, file = newFile()): Promise<Journal> {
  const journal = await openJournal({ file, jetstream: { bus, stream, replicas: 1 }, log: silent });
  journals.push(journal);
  return journal;
}

async function streamState(stream: string): Promise<{ messages: number; last_seq: number }> {
  const info = JSON.parse(await raw.request(`$JS.API.STREAM.INFO.${stream}`, '')) as { state: never };
  return info.state;
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

test('another cluster manager finds what this one accepted and finished, once', async () => {
  const [mine, other] = [await open('SHARED'), await open('SHARED')];
  const [one, two] = [entry(), entry()];
  assert.deepEqual(await Promise.all([mine.accept(one), mine.accept(two)]), [true, true]);
  assert.equal(await mine.accept(one), false);
  await mine.finish(one.id, Uint8Array.of(9));
  await mine.finish(one.id, Uint8Array.of(8));
  assert.deepEqual(await other.unfinished(), [two]);
  assert.deepEqual(await other.find(one.id), { state: 'finished', entry: one, outcome: Uint8Array.of(9) });
  assert.equal(await other.accept(two), false);
  assert.equal((await streamState('SHARED')).messages, 3);
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

test('what is no entry of a journal is passed over', async () => {
  const journal = await open('FOREIGN');
  const id = uuidv7(systemClock, systemRandom);
  const bad = [
    '',
    'null',
    '{',
    JSON.stringify({ id }),
    JSON.stringify({ ...entry(), id: '../x', evidence: '' }),
  ];
  for (const payload of bad) raw.publish('FOREIGN.accepted', payload);
  raw.publish('FOREIGN.finished', JSON.stringify({ id }));
  await raw.flush();
  const one = entry();
  await journal.accept(one);
  assert.equal((await streamState('FOREIGN')).messages, bad.length + 2);
  const other = await open('FOREIGN');
  assert.deepEqual(await other.unfinished(), [one]);
});
