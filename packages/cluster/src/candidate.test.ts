// Mutations seen red: `holding` without a look at the clock; lease counted from after the write, of a take-over and of a
// renewal; a lapsed tenure renewed; a higher generation not respected, the own not raised; a store made anew taken under the
// old generation, or never; `gone` not bound to an epoch, or not asked anew; no stagger; successor ignored or not waited for;
// own by name alone; deposed not noticed, or not after a late answer; no limit of a call; slow retries; nothing given back;
// a lease taken though not wanted any more; five sixths → six; end of the lease ten per cent early; old writes seen as new;
// what the store has lost never corrected; a higher epoch in the log, or the own one of somebody else, not noticed; another record of
// the same revision no news; epochs counted without the log (it never ends), without those seen before, beyond what can be
// counted, on from another generation; an empty store that was not empty taken, or not seen as empty; every failure taken for a lost
// majority; a majority believed in after a read, or after a refusal; somebody else's write no sign of one; one that may not stand, or
// whose generation is outdated, writes no more; nobody told of the majority; the limit of a call set before that of the store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '@mom4c/core';
import type { Epoch } from '@mom4c/core';
import fc from 'fast-check';
import { Candidate } from './candidate.ts';
import type { CandidateOptions } from './candidate.ts';
import { storeLimitMs } from './store-access.ts';
import type { HoldingState } from './tenure.ts';
import { FakeLeaseStore, FakeTime, settle } from './test-fakes.ts';

const LEASE = 12_000;

type Manager = { candidate: Candidate; states: HoldingState[] };

function setUp() {
  const time = new FakeTime();
  const store = new FakeLeaseStore(time, storeLimitMs(LEASE));
  const authority = { generation: 1 };
  let instances = 0;
  const stand = (name: string, options: Partial<CandidateOptions> = {}): Manager => {
    instances += 1;
    const candidate = new Candidate({
      name,
      instance: `i${instances}`,
      store: store.portOf(name),
      clock: time,
      log: silentLog,
      generation: () => authority.generation,
      opened: () => undefined,
      ...options,
    });
    const states: HoldingState[] = [];
    candidate.onChange((state) => states.push(state));
    candidate.setStandbys(['cm2', 'cm3']);
    candidate.setEligible(true);
    candidate.start();
    return { candidate, states };
  };
  return { time, store, authority, stand };
}

/** cm1 holds, cm2 and cm3 stand by. */
async function threeManagers() {
  const range = setUp();
  const cm1 = range.stand('cm1');
  await settle();
  const cm2 = range.stand('cm2');
  const cm3 = range.stand('cm3');
  await range.time.advance(0);
  assert.equal(cm1.candidate.holding, true);
  return { ...range, cm1, cm2, cm3 };
}

const holders = (...managers: Manager[]): string[] =>
  managers.flatMap(({ candidate }, index) => (candidate.holding ? [`cm${index + 1}`] : []));

test('of two that meet an empty store one holds, and keeps the lease and its epoch for as long as it renews', async () => {
  const { time, stand, store } = setUp();
  const [one, two] = [stand('cm1'), stand('cm2')];
  await time.advance(0);
  assert.deepEqual(holders(one, two), ['cm1']);
  time.jumpWall(1e9);
  await time.advance(10 * LEASE);
  time.jumpWall(-2e9);
  await time.advance(LEASE);
  assert.deepEqual(holders(one, two), ['cm1']);
  assert.deepEqual(one.candidate.epoch, { generation: 1, counter: 1 });
  assert.deepEqual(one.states, [{ holding: true, epoch: { generation: 1, counter: 1 } }]);
  assert.deepEqual(two.states, []);
  const known = two.candidate.lease!;
  assert.equal(known.holder, 'cm1');
  assert.deepEqual(known.epoch, { generation: 1, counter: 1 });
  assert.ok(known.ageMs <= LEASE / 3);
  assert.equal(store.writes.filter(({ by }) => by === 'cm2').length, 1);
});

test('nobody takes the lease who is not eligible; who becomes it does', async () => {
  const { time, stand } = setUp();
  const { candidate } = stand('cm1');
  candidate.setEligible(false);
  await time.advance(LEASE);
  assert.equal(candidate.holding, false);
  candidate.setEligible(true);
  await time.advance(0);
  assert.equal(candidate.holding, true);
});

test('a holder that dies without a word is followed when its lease has run out, not before', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  store.fates.set('cm1', 'held back');
  await time.advance(LEASE - 1);
  assert.deepEqual(holders(cm2, cm3), []);
  await time.advance(1);
  assert.equal(holders(cm2, cm3).length, 1);
  assert.equal(cm1.candidate.holding, false);
});

test('when the room shows that the holder is gone, the first standby takes it at once', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  store.fates.set('cm1', 'held back');
  cm2.candidate.holderGone('cm1');
  cm3.candidate.holderGone('cm1');
  await time.advance(0);
  assert.equal(cm2.candidate.holding, true);
  assert.deepEqual(cm2.candidate.epoch, { generation: 1, counter: 2 });
  await time.advance(1000);
  assert.equal(cm3.candidate.holding, false);
  assert.equal(cm1.candidate.holding, false, 'the watch told it');
});

test('the second standby follows one stagger later, if the first does not', async () => {
  const { time, store, cm2, cm3 } = await threeManagers();
  store.fates.set('cm1', 'held back');
  cm2.candidate.setEligible(false);
  cm3.candidate.holderGone('cm1');
  await time.advance(149);
  assert.equal(cm3.candidate.holding, false);
  await time.advance(1);
  assert.equal(cm3.candidate.holding, true);
});

test('that somebody else is gone deposes nobody, and neither does old news of an earlier time', async () => {
  const { time, cm1, cm2, cm3 } = await threeManagers();
  cm2.candidate.holderGone('cm3');
  cm3.candidate.holderGone('cm2');
  await time.advance(1000);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm1']);
  cm2.candidate.setEligible(false);
  cm2.candidate.holderGone('cm1');
  cm1.candidate.setEligible(false); // its session was gone for a moment
  cm1.candidate.setEligible(true);
  await time.advance(1000);
  const epoch = cm1.candidate.epoch ?? cm3.candidate.epoch;
  assert.ok(epoch && epoch.counter > 1);
  cm2.candidate.setEligible(true);
  await time.advance(1000);
  assert.equal(cm2.candidate.holding, false);
});

test('that the holder is gone counts also if that he took the lease is heard after it', async () => {
  const { time, store, stand } = setUp();
  const cm2 = stand('cm2');
  cm2.candidate.setEligible(false);
  await time.advance(0);
  store.deaf.add('cm2');
  stand('cm1');
  await time.advance(0);
  store.fates.set('cm1', 'held back');
  cm2.candidate.setEligible(true);
  cm2.candidate.holderGone('cm1');
  await time.advance(0);
  assert.equal(cm2.candidate.holding, true);
});

test('a holder whose session alone is gone is deposed, and knows by the watch', async () => {
  const { time, cm1, cm2 } = await threeManagers();
  cm2.candidate.holderGone('cm1');
  await time.advance(0);
  assert.deepEqual(holders(cm1, cm2), ['cm2']);
  assert.deepEqual(cm1.states.at(-1), { holding: false, reason: 'deposed' });
});

test('without the watch it knows at its next renewal', async () => {
  const { time, store, cm1, cm2 } = await threeManagers();
  store.deaf.add('cm1');
  cm2.candidate.holderGone('cm1');
  await time.advance(LEASE / 3 - 1);
  assert.deepEqual(holders(cm1, cm2), ['cm1', 'cm2'], 'the fence is for this time');
  await time.advance(1);
  assert.deepEqual(holders(cm1, cm2), ['cm2']);
});

test('a standby that judged an old revision deposes nobody', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  store.deaf.add('cm2').add('cm3');
  await time.advance(3 * LEASE);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm1']);
  assert.equal(cm1.candidate.epoch!.counter, 1);
});

test('a stopped process wakes up without the lease, before any timer has fired', async () => {
  const { time, cm1 } = await threeManagers();
  time.sleep((LEASE * 5) / 6 - 1);
  assert.equal(cm1.candidate.holding, true, 'so long it may');
  time.sleep(1);
  assert.equal(cm1.candidate.holding, false);
  assert.equal(cm1.candidate.epoch, undefined);
});

test('a renewal that was under way when the process was stopped gives the lapsed epoch no new life', async () => {
  const { time, store, cm1 } = await threeManagers();
  store.fates.set('cm1', 'held back');
  await time.advance(LEASE / 3);
  time.sleep((LEASE * 2) / 3);
  store.fates.delete('cm1');
  store.release();
  await settle();
  assert.notEqual(cm1.candidate.epoch?.counter, 1);
  await time.advance(0);
  const lost = cm1.states.findIndex(({ holding }) => !holding);
  assert.deepEqual(cm1.states[lost], { holding: false, reason: 'lease ran out' });
  for (const state of cm1.states.slice(lost + 1)) if (state.holding) assert.ok(state.epoch.counter > 1);
});

test('the lease is counted from before the write, however long the answer takes', async () => {
  const { time, store, stand } = setUp();
  const { candidate } = stand('cm1', { leaseMs: LEASE });
  candidate.setEligible(false);
  await time.advance(0);
  store.fates.set('cm1', 'held back');
  candidate.setEligible(true);
  await time.advance(1900);
  store.release();
  await time.advance(0);
  assert.equal(candidate.holding, true);
  await time.advance((LEASE * 5) / 6 - 1901);
  assert.equal(candidate.holding, true);
  await time.advance(1);
  assert.equal(candidate.holding, false);
});

test('a renewal counts from before its write, too', async () => {
  const { time, store, cm1 } = await threeManagers();
  store.fates.set('cm1', 'held back');
  await time.advance(LEASE / 3 + 1900);
  store.release();
  await time.advance((LEASE * 5) / 6 - 1901);
  assert.equal(cm1.candidate.holding, true);
  await time.advance(1);
  assert.equal(cm1.candidate.holding, false);
});

for (const [fate, withoutMajority] of [
  ['not done', true],
  ['silent', true],
  ['left alone', true],
  ['held back', false],
] as const)
  test(`whoever loses the lease knows whether it was for want of a majority: ${fate}`, async () => {
    const { time, store, cm1 } = await threeManagers();
    for (const name of ['cm1', 'cm2', 'cm3']) store.fates.set(name, fate);
    await time.advance((LEASE * 5) / 6);
    assert.deepEqual(cm1.states.at(-1), { holding: false, reason: 'lease ran out' });
    assert.equal(cm1.candidate.withoutMajority, withoutMajority);
    store.fates.clear();
    store.release();
    await time.advance(LEASE);
    assert.equal(cm1.candidate.withoutMajority, false);
  });

/** cm1 has lost the lease for want of a majority, and nobody stands. @returns how often it was told of a majority */
async function withoutMajority() {
  const range = await threeManagers();
  const { time, store, cm1, cm2, cm3 } = range;
  let told = 0;
  cm1.candidate.onMajority(() => (told += 1));
  for (const name of ['cm1', 'cm2', 'cm3']) store.fates.set(name, 'left alone');
  await time.advance((LEASE * 5) / 6);
  for (const { candidate } of [cm1, cm2, cm3]) candidate.setEligible(false);
  return { ...range, told: () => told };
}

test('whoever may not stand learns of a majority by giving back what has run out, and not before that is done', async () => {
  const { time, store, cm1, told } = await withoutMajority();
  await time.advance(5 * LEASE);
  assert.deepEqual([cm1.candidate.withoutMajority, told()], [true, 0]);
  store.fates.clear();
  await time.advance(LEASE / 3);
  assert.deepEqual([cm1.candidate.withoutMajority, told()], [false, 1]);
  assert.equal(store.entry?.record.holder, undefined);
  const { length } = store.writes;
  await time.advance(5 * LEASE);
  assert.equal(store.writes.length, length);
});

test('that a write was refused shows no majority', async () => {
  const { time, store, cm1, told } = await withoutMajority();
  store.fates.set('cm1', 'refused');
  await time.advance(5 * LEASE);
  assert.deepEqual([cm1.candidate.withoutMajority, told()], [true, 0]);
});

test("somebody else's write shows that there is a majority", async () => {
  const { time, store, cm1, cm2, told } = await withoutMajority();
  store.fates.delete('cm2');
  cm2.candidate.setEligible(true);
  await time.advance(LEASE / 6);
  assert.equal(cm2.candidate.holding, true);
  assert.deepEqual([cm1.candidate.withoutMajority, told()], [false, 1]);
});

test('whoever may not take the lease under its generation learns of a majority, too', async () => {
  const { time, store, stand } = setUp();
  const log: { led?: { epoch: Epoch; manager: string } } = {};
  const { candidate } = stand('cm1', { opened: () => log.led });
  await time.advance(0);
  store.fates.set('cm1', 'left alone');
  await time.advance((LEASE * 5) / 6);
  log.led = { epoch: { generation: 2, counter: 1 }, manager: 'cm2' };
  await time.advance(LEASE);
  assert.equal(candidate.withoutMajority, true);
  store.fates.clear();
  await time.advance(LEASE / 3);
  assert.deepEqual([candidate.withoutMajority, candidate.holding], [false, false]);
});

test('a renewal that is never answered is tried again in time', async () => {
  const { time, store, cm1 } = await threeManagers();
  store.fates.set('cm1', 'held back');
  await time.advance(LEASE / 3);
  store.fates.delete('cm1');
  await time.advance(LEASE);
  assert.equal(cm1.states.length, 1);
  store.release();
  await time.advance(LEASE);
  assert.equal(cm1.candidate.epoch?.counter, 1, 'late, it changes nothing');
});

test('whoever hears late that it took the lease does not hold it, if somebody else took it meanwhile', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  store.fates.set('cm1', 'held back');
  store.fates.set('cm2', 'answer held back');
  cm2.candidate.holderGone('cm1');
  await time.advance(100);
  cm3.candidate.holderGone('cm2');
  await time.advance(300);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm3']);
  store.release();
  await time.advance(0);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm3']);
  assert.deepEqual(cm2.states, []);
});

test('a write that is shown again changes nothing', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  const first = store.entry!;
  cm2.candidate.holderGone('cm1');
  await time.advance(0);
  store.repeat(first);
  await time.advance(0);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm2']);
  assert.equal(cm3.candidate.lease?.holder, 'cm2');
});

test('a record of somebody else deposes, whatever epoch it names', async () => {
  const { store, cm1 } = await threeManagers();
  store.repeat({ revision: 9, record: { holder: 'cm2', instance: 'x', generation: 1, acquired: 1 } });
  assert.deepEqual(cm1.states.at(-1), { holding: false, reason: 'deposed' });
});

test('a renewal whose answer was lost is found by reading; the epoch stays', async () => {
  const { time, store, cm1 } = await threeManagers();
  store.fates.set('cm1', 'answer lost');
  await time.advance(LEASE / 3 + 1);
  store.fates.delete('cm1');
  await time.advance(LEASE);
  assert.equal(cm1.candidate.epoch?.counter, 1);
  assert.equal(cm1.states.length, 1);
});

test('a take-over whose answer was lost is not believed, but taken again under a new epoch', async () => {
  const { time, store, stand } = setUp();
  store.fates.set('cm1', 'answer lost');
  const { candidate, states } = stand('cm1');
  candidate.setEligible(false);
  await time.advance(0);
  store.fates.delete('cm1');
  await time.advance(LEASE / 24);
  store.fates.set('cm1', 'answer lost');
  candidate.setEligible(true);
  await time.advance(0);
  assert.equal(store.entry?.record.holder, 'cm1');
  assert.equal(candidate.holding, false);
  store.fates.delete('cm1');
  await time.advance(LEASE / 24);
  assert.deepEqual(states, [{ holding: true, epoch: { generation: 1, counter: 2 } }]);
});

test('a store that is away for a while is asked again soon; too long, and the holder stops by itself', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  for (const name of ['cm1', 'cm2', 'cm3']) store.fates.set(name, 'not done');
  const before = store.writes.length;
  await time.advance((LEASE * 3) / 4);
  assert.equal(cm1.candidate.holding, true);
  assert.ok(store.writes.length - before < 20);
  store.fates.clear();
  await time.advance(LEASE / 24);
  assert.equal(cm1.candidate.holding, true);
  for (const name of ['cm1', 'cm2', 'cm3']) store.fates.set(name, 'not done');
  await time.advance((LEASE * 5) / 6);
  assert.deepEqual(cm1.states.at(-1), { holding: false, reason: 'lease ran out' });
  await time.advance(LEASE);
  store.fates.clear();
  await time.advance(LEASE / 24);
  assert.equal(holders(cm1, cm2, cm3).length, 1);
});

test('a holder that is not eligible any more commands no longer, and gives the lease back', async () => {
  const { time, cm1, cm2, cm3 } = await threeManagers();
  cm1.candidate.setEligible(false);
  assert.equal(cm1.candidate.holding, false);
  assert.deepEqual(cm1.states.at(-1), { holding: false, reason: 'not eligible' });
  await time.advance(0);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm2']);
});

test('what cannot be given back runs out', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  store.fates.set('cm1', 'not done');
  cm1.candidate.setEligible(false);
  await time.advance(LEASE - 1);
  assert.deepEqual(holders(cm1, cm2, cm3), []);
  await time.advance(1);
  assert.equal(holders(cm1, cm2, cm3).length, 1);
});

test('a hand-over goes to the successor at once, whatever its place', async () => {
  const { time, cm1, cm2, cm3 } = await threeManagers();
  const done = cm1.candidate.handOver('cm3');
  assert.equal(cm1.candidate.holding, false);
  await time.advance(0);
  await done;
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm3']);
  await time.advance(LEASE);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm3']);
  await assert.rejects(cm1.candidate.handOver('cm2'), { code: 'M4C_NO_MANAGER' });
});

test('a successor that does not come is waited for, then the first standby takes it, or the old holder', async () => {
  for (const first of [true, false]) {
    const { time, cm1, cm2, cm3 } = await threeManagers();
    cm3.candidate.setEligible(false);
    cm2.candidate.setEligible(first);
    await Promise.all([cm1.candidate.handOver('cm3'), time.advance(1499)]);
    assert.deepEqual(holders(cm1, cm2, cm3), []);
    await time.advance(300 + 1);
    assert.deepEqual(holders(cm1, cm2, cm3), [first ? 'cm2' : 'cm1']);
  }
});

test('a hand-over that cannot be written says so, and the lease has to run out', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  for (const name of ['cm1', 'cm2', 'cm3']) store.fates.set(name, 'not done');
  const refused = assert.rejects(cm1.candidate.handOver('cm2'), { code: 'M4C_NO_QUORUM' });
  await time.advance(LEASE / 3 + LEASE / 24);
  await refused;
  assert.deepEqual(holders(cm1, cm2, cm3), []);
});

test('whoever resigns stands by; whoever stops gives the lease back and leaves nothing behind', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  await Promise.all([cm1.candidate.resign(), time.advance(0)]);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm2']);
  await Promise.all([cm2.candidate.stop(), time.advance(0)]);
  await time.advance(150);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm3']);
  await cm2.candidate.stop();
  await cm1.candidate.stop();
  await Promise.all([cm3.candidate.stop(), time.advance(0)]);
  assert.equal(time.pending, 0);
  assert.equal(store.watchers, 0);
  assert.equal(store.entry?.record.holder, undefined);
});

test('a take-over that is answered after the stop is given back', async () => {
  const { time, store, stand } = setUp();
  const { candidate } = stand('cm1');
  candidate.setEligible(false);
  await time.advance(0);
  store.fates.set('cm1', 'held back');
  candidate.setEligible(true);
  await time.advance(0);
  const stopped = candidate.stop();
  store.fates.delete('cm1');
  store.release();
  await time.advance(0);
  await stopped;
  assert.equal(candidate.holding, false);
  assert.ok(store.entry && store.entry.record.holder === undefined);
});

test('a manager that was restarted waits for its own old lease, unless the room says that its session is gone', async () => {
  for (const gone of [false, true]) {
    const { time, store, stand } = setUp();
    const old = stand('cm1', { store: store.portOf('the old process') });
    await time.advance(0);
    store.fates.set('the old process', 'held back'); // it dies
    await time.advance(LEASE / 3);
    const fresh = stand('cm1');
    fresh.candidate.setStandbys([]);
    await time.advance(0);
    assert.equal(fresh.candidate.holding, false);
    if (gone) fresh.candidate.holderGone('cm1');
    await time.advance(LEASE - 1);
    assert.equal(fresh.candidate.holding, gone);
    await time.advance(1);
    assert.equal(fresh.candidate.holding, true);
    assert.equal(old.candidate.holding, false);
  }
});

test('a generation raised by the authority makes the holder take the lease anew, under a higher epoch', async () => {
  const { time, store, authority, cm1, cm2, cm3 } = await threeManagers();
  authority.generation = 2;
  await time.advance(LEASE / 3);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm1']);
  assert.deepEqual(cm1.candidate.epoch, { generation: 2, counter: 1 });
  assert.deepEqual(cm1.states.slice(1), [
    { holding: false, reason: 'generation raised' },
    { holding: true, epoch: { generation: 2, counter: 1 } },
  ]);
  store.empty(); // the bucket is made anew, and so is the generation
  authority.generation = 3;
  await time.advance(LEASE);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm1']);
  assert.equal(cm1.candidate.epoch?.generation, 3);
  assert.equal(cm3.candidate.lease?.epoch.generation, 3);
});

test('a store made anew without a higher generation gives nobody an epoch that was there before', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  store.empty();
  await time.advance(3 * LEASE);
  assert.deepEqual(holders(cm1, cm2, cm3), []);
});

test('whoever was not there when the store was lost learns from the log which epochs there were', async () => {
  for (const [counter, generation] of [
    [7, 1],
    [1, 2],
    [1, 1],
  ] as const) {
    const { time, store, authority, stand } = setUp();
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };
    const cm1 = stand('cm1', { opened: () => ({ epoch: { generation, counter }, manager: 'cm2' }), log });
    await time.advance(3 * LEASE);
    assert.equal(cm1.candidate.holding, false);
    assert.equal(store.writes.length, 0);
    assert.deepEqual(warnings, ['the lease cannot be taken under this generation']);
    authority.generation = generation + 1;
    await time.advance(LEASE / 3);
    assert.equal(cm1.candidate.holding, true);
  }
});

test('a store that has lost its last writes is taken all the same, under an epoch above all that were seen', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  const before = store.entry!;
  cm2.candidate.holderGone('cm1');
  await time.advance(LEASE);
  assert.deepEqual(cm2.candidate.epoch, { generation: 1, counter: 2 });
  store.fallBack(before);
  await time.advance(2 * LEASE);
  assert.equal(holders(cm1, cm2, cm3).length, 1);
  assert.equal(store.entry?.record.acquired, 3);
  assert.ok(cm2.states.some((state) => !state.holding && state.reason === 'deposed'));
});

test('a holder whose renewals alone were lost keeps its epoch', async () => {
  const { time, store, cm1, cm2, cm3 } = await threeManagers();
  const before = store.entry!;
  await time.advance(LEASE);
  store.fallBack(before);
  await time.advance(2 * LEASE);
  assert.deepEqual(holders(cm1, cm2, cm3), ['cm1']);
  assert.equal(cm1.states.length, 1);
});

test('a write that takes the place of one that was lost is news, though it has its revision', async () => {
  const { time, store, cm3 } = await threeManagers();
  await time.advance(LEASE / 3);
  const { revision } = store.entry!;
  store.repeat({ revision, record: { holder: 'cm9', instance: 'x', generation: 1, acquired: 2 } });
  assert.equal(cm3.candidate.lease?.holder, 'cm9');
});

test('whoever has seen nothing of the store learns from the log above which epoch to begin', async () => {
  const { time, store, stand } = setUp();
  stand('cm1');
  await time.advance(0);
  store.fates.set('cm1', 'held back');
  const cm2 = stand('cm2', { opened: () => ({ epoch: { generation: 1, counter: 6 }, manager: 'cm1' }) });
  cm2.candidate.holderGone('cm1');
  await time.advance(0);
  assert.deepEqual(cm2.candidate.epoch, { generation: 1, counter: 7 });
});

test('a holder takes it anew when the log opens a higher epoch, or its own one for somebody else', async () => {
  for (const [counter, manager, next] of [
    [5, 'cm2', 6],
    [1, 'cm2', 2],
    [1, 'cm1', 1],
  ] as const) {
    const { time, stand } = setUp();
    const log: { led?: { epoch: Epoch; manager: string } } = {};
    const { candidate, states } = stand('cm1', { opened: () => log.led });
    await time.advance(0);
    log.led = { epoch: { generation: 1, counter }, manager };
    await time.advance(LEASE / 3);
    assert.deepEqual(candidate.epoch, { generation: 1, counter: next });
    assert.equal(states.length, next === 1 ? 1 : 3);
  }
});

test('an epoch beyond which none can be counted is left to the authority', async () => {
  const { time, authority, stand } = setUp();
  const opened = () => ({ epoch: { generation: 1, counter: Number.MAX_SAFE_INTEGER }, manager: 'cm9' });
  stand('cm2');
  await time.advance(0);
  const { candidate } = stand('cm1', { opened });
  candidate.holderGone('cm2');
  await time.advance(3 * LEASE);
  assert.equal(candidate.holding, false);
  authority.generation = 2;
  await time.advance(3 * LEASE);
  assert.deepEqual(candidate.epoch ?? candidate.lease?.epoch, { generation: 2, counter: 1 });
});

test('a store made anew that somebody took who knew nothing goes on above all epochs that were there', async () => {
  const { time, store, stand, cm1, cm2, cm3 } = await threeManagers();
  await time.advance(3 * LEASE);
  store.empty();
  const late = stand('cm4', { generation: () => 1 });
  await time.advance(LEASE);
  assert.deepEqual(late.candidate.epoch, { generation: 1, counter: 1 });
  assert.deepEqual(holders(cm1, cm2, cm3), []);
  store.fates.set('cm4', 'not done');
  await time.advance(3 * LEASE);
  assert.equal(holders(cm1, cm2, cm3).length, 1);
  assert.deepEqual(store.entry?.record.acquired, 2);
});

test('a record of a higher generation than is known is left alone until that is known', async () => {
  const { time, store, authority, stand } = setUp();
  stand('cm1', { generation: () => 7 });
  await time.advance(0);
  store.fates.set('cm1', 'held back');
  const late = stand('cm2');
  late.candidate.holderGone('cm1');
  await time.advance(3 * LEASE);
  assert.equal(late.candidate.holding, false);
  authority.generation = 7;
  await time.advance(LEASE / 3);
  assert.deepEqual(late.candidate.epoch, { generation: 7, counter: 2 });
});

test('whatever is lost, late or stopped: epochs are unique and grow, and in quiet one holds', async () => {
  const name = fc.constantFrom('cm1', 'cm2', 'cm3');
  const step = fc.oneof(
    fc.record({
      what: fc.constant('fate' as const),
      name,
      fate: fc.constantFrom('answered', 'answer lost', 'answer held back', 'not done', 'held back'),
    }),
    fc.record({ what: fc.constant('deaf' as const), name }),
    fc.record({ what: fc.constant('gone' as const), name }),
    fc.record({ what: fc.constant('eligible' as const), name, eligible: fc.boolean() }),
    fc.record({ what: fc.constant('release' as const) }),
    fc.record({ what: fc.constant('resign' as const), name }),
    fc.record({ what: fc.constant('advance' as const), ms: fc.nat(LEASE) }),
    fc.record({ what: fc.constant('sleep' as const), ms: fc.nat(LEASE) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { time, store, cm1, cm2, cm3 } = await threeManagers();
      const managers = { cm1, cm2, cm3 };
      const opened: number[] = [1];
      for (const { candidate } of Object.values(managers))
        candidate.onChange((state) => {
          if (!state.holding) return;
          assert.ok(!opened.includes(state.epoch.counter), 'an epoch twice');
          opened.push(state.epoch.counter);
        });
      for (const each of steps) {
        if (each.what === 'advance') await time.advance(each.ms);
        else if (each.what === 'sleep') time.sleep(each.ms);
        else if (each.what === 'release') store.release();
        else if (each.what === 'deaf') store.deaf.add(each.name);
        else if (each.what === 'fate') store.fates.set(each.name, each.fate);
        else {
          const { candidate } = managers[each.name];
          if (each.what === 'gone')
            for (const one of Object.values(managers)) one.candidate.holderGone(each.name);
          else if (each.what === 'resign') candidate.resign().catch(() => {});
          else if (each.what === 'eligible') candidate.setEligible(each.eligible);
        }
        await settle();
        const epochs = Object.values(managers).flatMap(({ candidate }) => candidate.epoch?.counter ?? []);
        assert.equal(new Set(epochs).size, epochs.length);
      }
      store.fates.clear();
      store.deaf.clear();
      store.release();
      for (const { candidate } of Object.values(managers)) candidate.setEligible(true);
      await time.advance(3 * LEASE);
      assert.equal(holders(cm1, cm2, cm3).length, 1);
    }),
    { numRuns: 200 },
  );
});
