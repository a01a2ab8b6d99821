// Mutations seen red: lost after two intervals, and after four; nobody is asked again once lost; a term begins without its
// three intervals; a sign of life that comes after the end of a session counts; while another one leads something is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeTime, zeroes } from './test-fakes.ts';
import { Vigil } from './vigil.ts';
import type { VigilChange } from './vigil.ts';

const INTERVAL = 30_000;

function setUp(answers: (name: string) => boolean = () => false) {
  const time = new FakeTime();
  const told: { name: string; change: VigilChange; at: number; since: number }[] = [];
  const asked: { name: string; at: number; term: number }[] = [];
  let term = 0;
  const vigil = new Vigil({
    ...{ clock: time, random: zeroes, intervalMs: INTERVAL },
    ask(name) {
      asked.push({ name, at: time.monotonic(), term });
      if (answers(name)) vigil.heard(name, true);
    },
    tell: (name, change, since) => void told.push({ name, change, at: time.monotonic(), since }),
  });
  const changes = () => told.map(({ name, change }) => `${name} ${change}`);
  const begin = () => {
    term += 1;
    vigil.begin();
  };
  return { time, vigil, told, asked, changes, begin };
}

test('whoever answers stays; whoever falls silent is lost after three intervals, asked on, and back at the first sign', () => {
  let alive = true;
  const { time, vigil, told, asked, changes } = setUp(() => alive);
  vigil.begin();
  vigil.arrived('te1');
  time.pass(20 * INTERVAL);
  assert.deepEqual(changes(), ['te1 joined']);
  assert.ok(asked.length >= 19 && asked.length <= 21, String(asked.length));
  alive = false;
  const last = asked.at(-1)!.at;
  time.pass(3 * INTERVAL + last - time.monotonic() - 1);
  assert.deepEqual(changes(), ['te1 joined']);
  time.pass(1);
  assert.deepEqual(changes(), ['te1 joined', 'te1 lost']);
  assert.equal(told.at(-1)!.since, last);
  time.pass(5 * INTERVAL);
  alive = true;
  time.pass(INTERVAL);
  assert.deepEqual(changes(), ['te1 joined', 'te1 lost', 'te1 back']);
});

test('the end of a session is told at once: lost, or left if it said so; what is heard of it after that does not count', () => {
  const { vigil, changes } = setUp();
  vigil.begin();
  vigil.arrived('te1');
  vigil.gone('te1', false);
  vigil.heard('te1');
  assert.deepEqual(changes(), ['te1 joined', 'te1 lost']);
  vigil.gone('te1', true);
  vigil.arrived('te1');
  vigil.gone('te1', true);
  vigil.arrived('te1');
  assert.deepEqual(changes(), ['te1 joined', 'te1 lost', 'te1 back', 'te1 left', 'te1 back']);
  vigil.gone('te9', false);
  assert.equal(changes().length, 5, 'nobody knew it');
});

test('who takes over tells what changed while nobody led, and gives the others three intervals', () => {
  const { time, vigil, changes } = setUp();
  for (const name of ['te1', 'te2', 'te3', 'te4']) {
    vigil.adopt(name, { state: 'here', since: 0 });
    if (name !== 'te4') vigil.arrived(name);
  }
  vigil.gone('te2', false);
  time.pass(10 * INTERVAL);
  assert.deepEqual(changes(), [], 'another one leads');
  vigil.begin();
  assert.deepEqual(changes(), ['te2 lost']);
  time.pass(2 * INTERVAL);
  vigil.heard('te1');
  time.pass(INTERVAL - 1);
  assert.deepEqual(changes(), ['te2 lost']);
  time.pass(1);
  assert.deepEqual(changes(), ['te2 lost', 'te3 lost', 'te4 lost']);
  vigil.end();
  time.pass(10 * INTERVAL);
  assert.equal(changes().length, 3);
});

test('while the manager stood still it could hear nobody: that time does not count', () => {
  const { time, vigil, changes } = setUp();
  vigil.begin();
  vigil.arrived('te1');
  time.sleep(10 * INTERVAL);
  time.pass(2 * INTERVAL);
  assert.deepEqual(changes(), ['te1 joined']);
  time.pass(INTERVAL);
  assert.deepEqual(changes(), ['te1 joined', 'te1 lost']);
});

test('whatever happens: each loss and each return once, in turn, each loss in time, nobody asked too often', () => {
  const step = fc.record({
    do: fc.constantFrom('arrived', 'heard', 'gone', 'leave', 'pass', 'begin', 'end'),
    name: fc.constantFrom('te1', 'te2'),
    ms: fc.integer({ min: 1, max: 4 * INTERVAL }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { time, vigil, told, asked, begin } = setUp();
      let leads = false;
      /** When it gave a sign, or the term began. */
      const sign = new Map<string, number>();
      const gone = new Set<string>();
      for (const { do: what, name, ms } of steps) {
        const before = told.length;
        if (what === 'pass') time.pass(ms);
        else if (what === 'begin' && !leads) {
          leads = true;
          for (const one of sign.keys()) sign.set(one, time.monotonic());
          begin();
        } else if (what === 'end') {
          leads = false;
          vigil.end();
        } else if (what === 'arrived') {
          gone.delete(name);
          sign.set(name, time.monotonic());
          vigil.arrived(name);
        } else if (what === 'heard') {
          if (sign.has(name) && !gone.has(name)) sign.set(name, time.monotonic());
          vigil.heard(name);
        } else if (what === 'gone' || what === 'leave') {
          gone.add(name);
          vigil.gone(name, what === 'leave');
        }
        if (!leads) assert.equal(told.length, before);
        for (const { name: whose, change, at } of told.slice(before))
          if (change === 'lost' && !gone.has(whose)) assert.equal(at - sign.get(whose)!, 3 * INTERVAL);
        if (leads)
          for (const [one, at] of sign)
            if (!gone.has(one) && time.monotonic() - at >= 3 * INTERVAL)
              assert.equal(vigil.of(one)?.state, 'lost', `${one} is silent`);
      }
      for (const name of ['te1', 'te2']) {
        const own = told.filter((one) => one.name === name).map(({ change }) => change);
        own.forEach((change, index) => {
          const isThere = change === 'joined' || change === 'back';
          assert.equal(isThere, index % 2 === 0, own.join());
          assert.equal(change === 'joined', index === 0);
        });
        const times = asked.filter((one) => one.name === name);
        for (let n = 1; n < times.length; n++)
          if (times[n]!.term === times[n - 1]!.term)
            assert.ok(times[n]!.at - times[n - 1]!.at >= INTERVAL / 2, 'asked too often');
      }
    }),
  );
});
