// Mutation seen red, each in the test named: (1) an equal epoch opens, (2) a lower one does ("an epoch"); (3) a finished counts
// whatever its epoch ("a deposed manager"), (4) whoever wrote it ("in another's epoch"); (5) a later accepted replaces the
// first, (6) a later outcome does ("the first one stays").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareEpochs, type Epoch } from './epoch.ts';
import { changeBy, isOpen } from './journal-rules.ts';
import type { JournalEntry, JournalRecord, Led } from './ports.ts';

type Kept = { entry: JournalEntry; outcome?: Uint8Array };

/** What a follower keeps. */
class Follower {
  led: Led | undefined;
  readonly kept = new Map<string, Kept>();

  stateOf(id: string): 'accepted' | 'finished' | undefined {
    const kept = this.kept.get(id);
    return kept && (kept.outcome ? 'finished' : 'accepted');
  }

  apply(...records: JournalRecord[]): this {
    for (const record of records) {
      const change = changeBy(record, this);
      if (change?.kind === 'led') this.led = change.led;
      else if (change?.kind === 'accepted') this.kept.set(change.entry.id, { entry: change.entry });
      else if (change?.kind === 'finished') this.kept.get(change.id)!.outcome = change.outcome;
    }
    return this;
  }
}

const epochOf = (counter: number): Epoch => ({ generation: 1, counter });
const entryOf = (id: string, command = 'ping'): JournalEntry => ({
  id,
  command,
  requester: 'admin@alpha.test/cli',
  acceptedAt: 1,
  deadline: 2,
  evidence: new Uint8Array(),
  targets: [],
});
const lead = (manager: string, counter: number): JournalRecord => ({
  kind: 'lead',
  manager,
  epoch: epochOf(counter),
});
const accepted = (manager: string, counter: number, id: string, command?: string): JournalRecord => ({
  kind: 'accepted',
  manager,
  epoch: epochOf(counter),
  entry: entryOf(id, command),
});
const finished = (manager: string, counter: number, id: string, outcome = counter): JournalRecord => ({
  kind: 'finished',
  manager,
  epoch: epochOf(counter),
  id,
  outcome: Uint8Array.of(outcome),
});

test('an epoch is opened by a higher one only', () => {
  const log = new Follower().apply(lead('cm1', 3));
  assert.deepEqual(log.led, { epoch: epochOf(3), manager: 'cm1' });
  log.apply(lead('cm2', 3), lead('cm2', 2));
  assert.equal(log.led?.manager, 'cm1');
  log.apply(lead('cm2', 4));
  assert.equal(log.led?.manager, 'cm2');
  assert.ok(isOpen(log.led, epochOf(4), 'cm2'));
  assert.ok(!isOpen(log.led, epochOf(4), 'cm1') && !isOpen(log.led, epochOf(3), 'cm2'));
  assert.ok(!isOpen(log.led, undefined, 'cm2') && !isOpen(undefined, epochOf(4), 'cm2'));
});

test('a deposed manager accepts, and closes nothing', () => {
  const log = new Follower().apply(lead('cm1', 1), lead('cm2', 2), accepted('cm1', 1, 'a'));
  assert.equal(log.stateOf('a'), 'accepted');
  log.apply(finished('cm1', 1, 'a'));
  assert.equal(log.stateOf('a'), 'accepted');
  log.apply(finished('cm2', 2, 'a'));
  assert.equal(log.stateOf('a'), 'finished');
});

test("nobody closes anything in another's epoch, before one is open, or without an entry", () => {
  const log = new Follower().apply(accepted('cm1', 1, 'a'), finished('cm1', 1, 'a'));
  assert.equal(log.stateOf('a'), 'accepted');
  log.apply(lead('cm1', 1), finished('cm2', 1, 'a'), finished('cm1', 1, 'b'));
  assert.equal(log.stateOf('a'), 'accepted');
  assert.equal(log.stateOf('b'), undefined);
});

test('the first one stays, of entries and of outcomes', () => {
  const log = new Follower().apply(lead('cm1', 1), accepted('cm1', 1, 'a'), accepted('cm2', 2, 'a', 'other'));
  assert.equal(log.kept.get('a')?.entry.command, 'ping');
  log.apply(finished('cm1', 1, 'a', 7), finished('cm1', 1, 'a', 8));
  log.apply(lead('cm2', 2), finished('cm2', 2, 'a', 9), accepted('cm2', 2, 'a', 'other'));
  assert.deepEqual(log.kept.get('a'), { entry: entryOf('a'), outcome: Uint8Array.of(7) });
});

const anyRecord = fc
  .tuple(
    fc.constantFrom('lead', 'accepted', 'finished'),
    fc.constantFrom('cm1', 'cm2'),
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom('a', 'b'),
    fc.nat({ max: 255 }),
  )
  .map(([kind, manager, counter, id, value]) => {
    if (kind === 'lead') return lead(manager, counter);
    return kind === 'accepted'
      ? accepted(manager, counter, id, `c${value}`)
      : finished(manager, counter, id, value);
  });

/** Of two sequences, in any way that keeps the order of each. */
const interleaved = fc
  .tuple(
    fc.array(anyRecord, { maxLength: 20 }),
    fc.array(anyRecord, { maxLength: 20 }),
    fc.infiniteStream(fc.boolean()),
  )
  .map(([one, two, choices]) => {
    const rest: [JournalRecord[], JournalRecord[]] = [[...one], [...two]];
    const log: JournalRecord[] = [];
    while (rest[0].length + rest[1].length > 0) {
      const chosen = rest[choices.next().value ? 0 : 1];
      log.push((chosen.length > 0 ? chosen : rest[0].length > 0 ? rest[0] : rest[1]).shift()!);
    }
    return log;
  });

test('every follower of one order comes to the same state, also one that begins in the middle anew', () => {
  fc.assert(
    fc.property(interleaved, fc.nat(), (log, cut) => {
      const whole = new Follower().apply(...log);
      const inParts = new Follower();
      for (const record of log) inParts.apply(record);
      assert.deepEqual(inParts, whole);
      // Records that are delivered again, from any place on, change nothing but what a late outcome may close.
      const again = new Follower().apply(...log).apply(...log.slice(cut % (log.length + 1)));
      assert.deepEqual(again.led, whole.led);
      for (const [id, { entry, outcome }] of whole.kept) {
        assert.deepEqual(again.kept.get(id)?.entry, entry);
        if (outcome) assert.deepEqual(again.kept.get(id)?.outcome, outcome);
      }
    }),
  );
});

test('at each step the epoch only rises, and nothing that is there changes', () => {
  fc.assert(
    fc.property(interleaved, (log) => {
      const follower = new Follower();
      for (const record of log) {
        const before = structuredClone({ led: follower.led, kept: follower.kept });
        follower.apply(record);
        if (before.led) assert.ok(compareEpochs(follower.led!.epoch, before.led.epoch) >= 0);
        for (const [id, { entry, outcome }] of before.kept) {
          assert.deepEqual(follower.kept.get(id)?.entry, entry);
          if (outcome) assert.deepEqual(follower.kept.get(id)?.outcome, outcome);
          else if (follower.stateOf(id) === 'finished')
            assert.ok(isOpen(follower.led, record.epoch, record.manager));
        }
      }
    }),
  );
});
