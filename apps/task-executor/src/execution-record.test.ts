// Mutations seen red, one each: begun without being written; the answer not written; what is begun but not answered taken for
// not begun; a refusal, or "not begun", told but not written; the same id begun beside its run; ids of all domains in one;
// a lower epoch admitted; an epoch not written; what may be sent again forgotten when it is full; nothing ever forgotten; a
// full disk after the act taken for a failure; a generation that nobody stated admitted; the statement asked for each time.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { Mom4cError, compareEpochs } from '@mom4c/core';
import type { Epoch } from '@mom4c/core';
import { DEFAULT_RECORD_LIMITS, ExecutionRecord } from './execution-record.ts';
import type { Answer, RecordStore, Work } from './execution-record.ts';
import { openRecordFile } from './record-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-record-'));
after(() => rmSync(folder, { recursive: true }));

const START = 1_700_000_000_000;
const HOUR = 3_600_000;
const ALPHA = 'alpha.test';
const BETA = 'beta.test';
const idOf = (n: number): string => `01890a5d-ac96-774b-bcce-${String(n).padStart(12, '0')}`;
const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;
const done: Answer = { state: 'ok', result: {} };
const noFault = (thrown: unknown): void => assert.fail(String(thrown));

type FakeStore = RecordStore & {
  /** While it is, nothing can be written. */
  full: boolean;
};

function fakeStore(): FakeStore {
  const epochs = new Map<string, Epoch>();
  const rows = new Map<string, { answer: Answer | undefined; at: number }>();
  const write = (change: () => void): void => {
    if (store.full) throw new Mom4cError('M4C_RECORD');
    change();
  };
  const store: FakeStore = {
    full: false,
    epochs: () => new Map(epochs),
    raiseEpoch: (issuer, epoch) => write(() => void epochs.set(issuer, epoch)),
    find: (issuer, id) => rows.get(`${issuer} ${id}`),
    begin: (issuer, id, at) => write(() => void rows.set(`${issuer} ${id}`, { answer: undefined, at })),
    answer: (issuer, ids, answer, at) =>
      write(() => ids.forEach((id) => rows.set(`${issuer} ${id}`, { answer, at }))),
    count: () => rows.size,
    forget(before, atMost) {
      const old = [...rows].filter(([, { at }]) => at < before).sort(([, a], [, b]) => a.at - b.at);
      const gone = old.slice(0, atMost);
      for (const [key] of gone) rows.delete(key);
      return gone.length;
    },
  };
  return store;
}

/** Work that a test ends when it likes. */
function work(once: boolean, refused?: Answer) {
  const end = Promise.withResolvers<Answer>();
  const counted = { acts: 0, end: end.resolve };
  const given: Work = {
    once,
    refusal: () => refused,
    act: () => {
      counted.acts += 1;
      return end.promise;
    },
  };
  return { ...given, counted };
}

type Step =
  | { do: 'send'; n: number; refused: boolean }
  | { do: 'end'; n: number }
  | { do: 'ask'; ids: number[] }
  | { do: 'die' }
  | { do: 'disk'; full: boolean };

const number = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('send'), n: number, refused: fc.nat(9).map((n) => n === 0) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end'), n: number }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('ask'), ids: fc.array(number, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('disk'), full: fc.boolean() }) },
) as fc.Arbitrary<Step>;

/** Even numbers are commands that must not be done twice. */
const isOnce = (n: number): boolean => n % 2 === 0;

/** What is true of one id, whatever happens. */
class Witness {
  acts = 0;
  running: ((answer: Answer) => void)[] = [];
  /** Told that it was not begun. */
  excluded = false;
  /** It was killed while it ran, or its answer could not be written and the process died. */
  mayBeUnknown = false;
  readonly told: Answer[] = [];

  heard(n: number, answer: Answer): void {
    const { state } = answer;
    if (isOnce(n)) {
      if (state === 'ok') assert.equal(this.acts, 1, 'it was done');
      if (state === 'refused') assert.equal(this.acts, 0, 'it was not done');
      if (state === 'unknown') assert.ok(this.mayBeUnknown, 'what became of it was known');
      const before = this.told.filter((one) => one.state !== 'unknown');
      if (state !== 'unknown')
        for (const one of before) assert.deepEqual(answer, one, 'one id has one answer');
    }
    if (answer.error?.code === 'M4C_EXPIRED') this.excluded = true;
    this.told.push(answer);
  }
}

async function play(
  steps: readonly Step[],
  store: RecordStore,
  reopen: () => RecordStore,
  setFull: (full: boolean) => void,
) {
  const clock = { now: () => START };
  const faults: string[] = [];
  const open = (over: RecordStore): ExecutionRecord =>
    new ExecutionRecord(over, clock, (_thrown, id) => faults.push(id));
  let record = open(store);
  let life = 0;
  const witnesses = Array.from({ length: 6 }, () => new Witness());
  const hear = (n: number, answer: Promise<Answer>): void => {
    const at = life;
    void answer.then((said) => at === life && witnesses[n]!.heard(n, said));
  };
  const refusal: Answer = { state: 'refused', error: { code: 'M4C_BAD_ARGUMENTS' } };
  const send = (n: number, refused: boolean): void => {
    const witness = witnesses[n]!;
    const answer = record.perform(ALPHA, idOf(n), {
      once: isOnce(n),
      refusal: () => (refused ? refusal : undefined),
      act() {
        assert.ok(!witness.excluded, 'it was said that it would never begin');
        witness.acts += 1;
        if (isOnce(n)) assert.equal(witness.acts, 1, 'done twice');
        const { promise, resolve } = Promise.withResolvers<Answer>();
        witness.running.push(resolve);
        return promise;
      },
    });
    hear(n, answer);
  };
  const steady = (attempt: () => void): void => {
    try {
      attempt();
    } catch (thrown) {
      assert.ok(code('M4C_RECORD')(thrown), String(thrown));
    }
  };
  for (const one of [...steps, { do: 'disk', full: false } as const]) {
    if (one.do === 'send') steady(() => send(one.n, one.refused));
    else if (one.do === 'ask')
      steady(() => {
        const answers = record.inquire(ALPHA, one.ids.map(idOf));
        for (const n of new Set(one.ids)) hear(n, answers.get(idOf(n))!);
      });
    else if (one.do === 'end') {
      for (const end of witnesses[one.n]!.running.splice(0)) end({ state: 'ok', result: { n: one.n } });
    } else if (one.do === 'disk') setFull(one.full);
    else {
      life += 1;
      for (const witness of witnesses) if (witness.running.splice(0).length > 0) witness.mayBeUnknown = true;
      for (const id of faults) witnesses[Number(id.slice(-12))]!.mayBeUnknown = true;
      record = open(reopen());
    }
    await setImmediate();
  }
  // Everybody is asked at last, and everybody has one answer.
  for (const [n, witness] of witnesses.entries()) {
    for (const end of witness.running.splice(0)) end({ state: 'ok', result: { n } });
    await setImmediate();
    hear(n, record.inquire(ALPHA, [idOf(n)]).get(idOf(n))!);
    send(n, false);
    await setImmediate();
    assert.ok(witness.told.length > 0);
  }
}

test('whatever the order of commands, repeats, deaths and inquiries: at most one act for an id, and one answer', async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const store = fakeStore();
    await play(
      steps,
      store,
      () => store,
      (full) => (store.full = full),
    );
  });
  await fc.assert(property, { numRuns: 1000 });
});

test('and the same on a real file', async () => {
  let runs = 0;
  const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const path = join(folder, `order-${runs++}.sqlite`);
    let file = openRecordFile(path);
    const reopen = (): RecordStore => {
      file.close();
      return (file = openRecordFile(path));
    };
    await play(steps, file, reopen, () => {});
    file.close();
  });
  await fc.assert(property, { numRuns: 15 });
});

test('the epoch of a domain never goes down, in any life, is of a stated generation, and says nothing about another', () => {
  const epoch = fc.record({ generation: fc.nat(3), counter: fc.nat(4) }, { noNullPrototype: true });
  const stated = fc.option(fc.nat(3), { nil: undefined });
  const said = fc.record({ issuer: fc.constantFrom(ALPHA, BETA), epoch, stated, die: fc.boolean() });
  fc.assert(
    fc.property(fc.array(said, { maxLength: 30 }), (all) => {
      const store = fakeStore();
      let record = new ExecutionRecord(store, { now: () => START }, noFault);
      const highest = new Map<string, Epoch>();
      for (const { issuer, epoch: next, stated, die } of all) {
        if (die) record = new ExecutionRecord(store, { now: () => START }, noFault);
        const known = highest.get(issuer);
        const admit = () => record.admitEpoch(issuer, next, stated === undefined ? undefined : () => stated);
        const isLower = known !== undefined && compareEpochs(next, known) < 0;
        if (isLower || next.generation > Math.max(1, known?.generation ?? 1, stated ?? 1))
          assert.throws(admit, code('M4C_EPOCH'));
        else {
          admit();
          highest.set(issuer, next);
          assert.deepEqual(store.epochs().get(issuer), next, 'on the disk before anything is done under it');
        }
      }
    }),
  );
});

test('a statement is looked at once, and one that is not to be believed opens no generation', () => {
  const record = new ExecutionRecord(fakeStore(), { now: () => START }, noFault);
  const bad = (): number => {
    throw new Mom4cError('M4C_BAD_SIGNATURE');
  };
  record.admitEpoch(ALPHA, { generation: 1, counter: 5 }, bad);
  assert.throws(
    () => record.admitEpoch(ALPHA, { generation: 2, counter: 1 }, bad),
    code('M4C_BAD_SIGNATURE'),
  );
  record.admitEpoch(ALPHA, { generation: 2, counter: 1 }, () => 2);
  record.admitEpoch(ALPHA, { generation: 2, counter: 2 }, bad);
  record.admitEpoch(ALPHA, { generation: 2, counter: 3 });
});

test('an epoch that cannot be written is not obeyed', () => {
  const store = fakeStore();
  const record = new ExecutionRecord(store, { now: () => START }, noFault);
  record.admitEpoch(ALPHA, { generation: 1, counter: 5 });
  store.full = true;
  assert.throws(() => record.admitEpoch(ALPHA, { generation: 1, counter: 6 }), code('M4C_RECORD'));
  record.admitEpoch(ALPHA, { generation: 1, counter: 5 });
});

test('ids of one domain say nothing about those of another', async () => {
  const record = new ExecutionRecord(fakeStore(), { now: () => START }, noFault);
  const [own, others] = [work(true), work(true)];
  own.counted.end(done);
  others.counted.end(done);
  await record.perform(BETA, idOf(1), others);
  await record.perform(ALPHA, idOf(1), own);
  assert.deepEqual([own.counted.acts, others.counted.acts], [1, 1]);
});

test('the same id while it runs waits for the same run, idempotent or not', async () => {
  for (const once of [true, false]) {
    const record = new ExecutionRecord(fakeStore(), { now: () => START }, noFault);
    const [first, second] = [work(once), work(once)];
    const answers = [record.perform(ALPHA, idOf(1), first), record.perform(ALPHA, idOf(1), second)];
    answers.push(record.inquire(ALPHA, [idOf(1)]).get(idOf(1))!);
    first.counted.end(done);
    assert.deepEqual(await Promise.all(answers), [done, done, done]);
    assert.deepEqual([first.counted.acts, second.counted.acts], [1, 0]);
  }
});

test('what may be done twice is remembered in this life, is not written, and may run anew in the next', async () => {
  const store = fakeStore();
  const reading = (): ReturnType<typeof work> => {
    const one = work(false);
    one.counted.end(done);
    return one;
  };
  const record = new ExecutionRecord(store, { now: () => START }, noFault, {
    ...DEFAULT_RECORD_LIMITS,
    remembered: 2,
  });
  for (const n of [1, 2, 3]) await record.perform(ALPHA, idOf(n), reading());
  const again = reading();
  await record.perform(ALPHA, idOf(3), again);
  assert.equal(again.counted.acts, 0, 'remembered');
  await record.perform(ALPHA, idOf(1), again);
  assert.equal(again.counted.acts, 1, 'the oldest of three is forgotten');
  assert.equal(store.count(), 0);
  const next = reading();
  await new ExecutionRecord(store, { now: () => START }, noFault).perform(ALPHA, idOf(3), next);
  assert.equal(next.counted.acts, 1);
});

test('it is bounded by age and number, and refuses rather than forget what may be sent again', async () => {
  let now = START;
  const store = fakeStore();
  const limits = { ...DEFAULT_RECORD_LIMITS, capacity: 3 };
  const record = new ExecutionRecord(store, { now: () => now }, noFault, limits);
  const act = (n: number): Promise<Answer> => {
    const one = work(true);
    one.counted.end(done);
    return record.perform(ALPHA, idOf(n), one);
  };
  for (const n of [1, 2, 3]) await act(n);
  now += 1000;
  assert.throws(() => void act(4), code('M4C_BUSY'));
  assert.throws(() => record.inquire(ALPHA, [idOf(4)]), code('M4C_BUSY'), 'nothing is said that is not kept');
  now += HOUR + 1;
  await act(4);
  assert.equal(store.count(), 3, 'the oldest of the three made room');
  assert.equal(store.find(ALPHA, idOf(1)), undefined);
  now += 24 * HOUR + 1;
  await act(5);
  assert.equal(store.count(), 1, 'a day is over');
});

test('an answer that is too large to keep is a stated failure, now as later', async () => {
  const store = fakeStore();
  const large = work(true);
  large.counted.end({ state: 'ok', result: 'x'.repeat(5000) });
  const answer = await new ExecutionRecord(store, { now: () => START }, noFault).perform(
    ALPHA,
    idOf(1),
    large,
  );
  assert.equal(answer.error?.code, 'M4C_TOO_LARGE');
  assert.deepEqual(store.find(ALPHA, idOf(1))?.answer, answer);
});
