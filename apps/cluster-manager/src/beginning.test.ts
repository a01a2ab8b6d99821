// Mutations seen red: nobody waits; who waits for a try that fails goes on; M4C_EPOCH told as it is, or every error as M4C_NO_MANAGER;
// `lead` or what is adopted not awaited; nothing adopted; waiting does not end with the term; tried again at once, after the term,
// or never; adopted after the term; the end of the term told as a failure; who comes after the end goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { Beginning } from './beginning.ts';
import { FakeTime, zeroes } from './test-fakes.ts';

const EPOCH = { generation: 1, counter: 7 };

test('it has begun when the journal has `lead` and what was unfinished is adopted; until then whoever comes waits', async () => {
  const { beginning, leads, steps, adopted, said } = begin();
  void beginning.wait().then(() => steps.push('waited'));
  void beginning.settled.then(() => steps.push('settled'));
  await new Promise(setImmediate);
  assert.deepEqual(steps, ['lead 1.7']);
  leads[0]!.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(steps, ['lead 1.7', 'adopt']);
  adopted.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(steps.slice(2).toSorted(), ['settled', 'waited']);
  await beginning.wait();
  assert.deepEqual(said, []);
});

test('whoever waits for a try that fails hears why, and whoever comes before the next one, too; it is tried again', async () => {
  const { beginning, leads, adopted, said, time } = begin();
  const waiting = assert.rejects(beginning.wait(), { code: 'M4C_NO_QUORUM' });
  leads[0]!.reject(new Mom4cError('M4C_NO_QUORUM'));
  await waiting;
  await assert.rejects(beginning.wait(), { code: 'M4C_NO_QUORUM' });
  assert.deepEqual([said, leads.length], [['M4C_NO_QUORUM'], 1]);
  time.pass(50);
  await new Promise(setImmediate);
  assert.equal(leads.length, 2);
  const next = beginning.wait();
  leads[1]!.resolve();
  adopted.resolve();
  await next;
  await beginning.settled;
});

test('what cannot be adopted is a try that failed', async () => {
  const { beginning, leads, adopted, said } = begin();
  const waiting = assert.rejects(beginning.wait(), { code: 'M4C_JOURNAL' });
  leads[0]!.resolve();
  adopted.reject(new Mom4cError('M4C_JOURNAL'));
  await waiting;
  assert.deepEqual(said, ['M4C_JOURNAL']);
});

test('if the log knows a newer epoch, whoever waits is told to ask again', async () => {
  const { beginning, leads } = begin();
  const waiting = assert.rejects(beginning.wait(), { code: 'M4C_NO_MANAGER', retryable: true });
  leads[0]!.reject(new Mom4cError('M4C_EPOCH'));
  await waiting;
});

test('nobody waits for longer than the term, whatever the journal does, and hears why it has ended', async () => {
  const { beginning, leads, said, term, time } = begin();
  const waiting = assert.rejects(beginning.wait(), { code: 'M4C_NO_QUORUM' });
  term.abort(new Mom4cError('M4C_NO_QUORUM'));
  await waiting;
  await beginning.settled;
  leads[0]!.resolve();
  await assert.rejects(beginning.wait(), { code: 'M4C_NO_QUORUM' });
  time.pass(10_000);
  assert.deepEqual([said, leads.length], [[], 1]);
});

test('nothing is adopted if `lead` is acknowledged after the term has ended', async () => {
  const { beginning, leads, steps, term } = begin();
  term.abort(new Mom4cError('M4C_NO_QUORUM'));
  await beginning.settled;
  leads[0]!.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(steps, ['lead 1.7']);
});

test('it is not tried again once the term has ended', async () => {
  const { beginning, leads, term, time } = begin();
  leads[0]!.reject(new Mom4cError('M4C_NO_QUORUM'));
  await new Promise(setImmediate);
  term.abort(new Mom4cError('M4C_NO_QUORUM'));
  await beginning.settled;
  time.pass(10_000);
  await new Promise(setImmediate);
  assert.equal(leads.length, 1);
});

test('nobody goes on in a term that has begun and ended', async () => {
  const { beginning, leads, adopted, term } = begin();
  leads[0]!.resolve();
  adopted.resolve();
  await beginning.settled;
  term.abort(new Mom4cError('M4C_NO_QUORUM'));
  await assert.rejects(beginning.wait(), { code: 'M4C_NO_QUORUM' });
});

function begin() {
  const time = new FakeTime();
  const term = new AbortController();
  const leads: PromiseWithResolvers<void>[] = [];
  const adopted = Promise.withResolvers<void>();
  const [steps, said]: [string[], string[]] = [[], []];
  const beginning = new Beginning({
    ...{ epoch: EPOCH, clock: time, random: zeroes, ended: term.signal },
    journal: {
      lead({ generation, counter }) {
        steps.push(`lead ${generation}.${counter}`);
        const lead = Promise.withResolvers<void>();
        leads.push(lead);
        return lead.promise;
      },
    },
    adopt() {
      steps.push('adopt');
      return adopted.promise;
    },
    onFailed: (thrown) => void said.push((thrown as Mom4cError).code),
  });
  return { beginning, leads, adopted, steps, said, term, time };
}
