// Mutations seen red: the stored floor without `+ 1`; not saving the floor; forgetting ids early when full, without a
// floor for their signer; the signer's own floor not looked at; forgetting the oldest of whoever comes first, not of the
// one who has most; what has expired not forgotten first; the first time that the floor allows taken for saved;
// a command that may not come again; one whose very octets may.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import { Freshness } from './freshness.ts';
import type { Payload, PayloadOf } from './payload.ts';
import { fakeCertificate, memoryFloor, settableClock } from './test-fakes.ts';

const START = 1_700_000_000_000;
const te1 = fakeCertificate('te1', 'te');
const te2 = fakeCertificate('te2', 'te');

function ping(n: number, time: number, expires = time + 3_600_000): PayloadOf<'join'> {
  const id = `01890a5d-ac96-774b-bcce-${String(n).padStart(12, '0')}`;
  return { type: 'join', id, from: 'te1@alpha.test', to: 'cm@alpha.test', time, expires, version: '1' };
}

function presence(time: number): PayloadOf<'presence'> {
  return { ...ping(0, time), type: 'presence', started: START };
}

const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;
const limits = { maxAge: 60_000, maxSkew: 10_000, capacity: 1000 };

test('an event passes once, inside of its window, and not twice', () => {
  const clock = settableClock(START);
  const freshness = new Freshness(clock, memoryFloor(), limits);
  freshness.admit(ping(1, START), te1);
  assert.throws(() => freshness.admit(ping(1, START), te1), code('M4C_REPLAY'));
  assert.throws(() => freshness.admit(ping(2, START + 10_001), te1), code('M4C_FUTURE'));
  freshness.admit(ping(3, START + 10_000), te1);
  clock.set(START + 100_000);
  assert.throws(() => freshness.admit(ping(4, START + 39_999), te1), code('M4C_EXPIRED'));
  freshness.admit(ping(5, START + 40_000), te1);
  assert.throws(() => freshness.admit(ping(6, START + 99_000, START + 100_000), te1), code('M4C_EXPIRED'));
});

test('after a restart nothing that was accepted before passes again, even with the wall clock set back', () => {
  const store = memoryFloor();
  const clock = settableClock(START);
  const message = ping(1, START + 5000);
  new Freshness(clock, store, limits).admit(message, te1);
  for (const now of [START + 1, START - 30_000, START + 6000]) {
    clock.set(now);
    const restarted = new Freshness(clock, store, { ...limits, maxSkew: 60_000 });
    assert.throws(() => restarted.admit(message, te1), code('M4C_EXPIRED'), 'the very message');
    assert.throws(() => restarted.admit(ping(2, START + 4999), te1), code('M4C_EXPIRED'), 'an earlier one');
  }
  new Freshness(clock, store, limits).admit(ping(3, START + 5001), te1);
});

test('what is made in the very millisecond after the floor passes once, restart or not', () => {
  const clock = settableClock(START);
  const store = memoryFloor();
  new Freshness(clock, store, limits).admit(ping(1, START), te1);
  new Freshness(clock, store, limits).admit(ping(2, START + 1), te1);
  assert.throws(
    () => new Freshness(clock, store, limits).admit(ping(2, START + 1), te1),
    code('M4C_EXPIRED'),
  );
});

test('a sender whose clock lags is heard by a receiver that has just started', () => {
  const freshness = new Freshness(settableClock(START), memoryFloor(), limits);
  freshness.admit(ping(1, START - 5000), te1);
});

test('whatever the order of arrivals and ticks: no id passes twice, however many restarts', () => {
  const step = fc.record({
    n: fc.nat(5),
    age: fc.integer({ min: -15_000, max: 90_000 }),
    tick: fc.oneof(fc.nat(4000), fc.nat(40_000)),
    restart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const clock = settableClock(START);
      const store = memoryFloor();
      let freshness = new Freshness(clock, store, limits);
      const passed = new Set<string>();
      // A replay repeats octets: one id always carries the one time that its signer gave it.
      const messages = new Map<number, Payload>();
      for (const { n, age, tick, restart } of steps) {
        clock.set(clock.now() + tick);
        if (restart) freshness = new Freshness(clock, store, limits);
        const message = messages.get(n) ?? ping(n, clock.now() - age);
        messages.set(n, message);
        try {
          freshness.admit(message, te1);
        } catch (thrown) {
          assert.ok(thrown instanceof Mom4cError);
          continue;
        }
        assert.ok(!passed.has(message.id), `${message.id} passed twice`);
        passed.add(message.id);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a full memory costs whoever fills it: his oldest ids go, and their messages do not pass again', () => {
  const clock = settableClock(START);
  const freshness = new Freshness(clock, memoryFloor(), { ...limits, capacity: 10 });
  freshness.admit(ping(100, START), te2);
  for (let n = 0; n < 5; n++) freshness.admit(ping(n, START), te1);
  for (let n = 5; n < 9; n++) freshness.admit(ping(n, START + 2000), te1);
  freshness.admit(ping(101, START), te2);
  freshness.admit(ping(102, START), te2);
  assert.throws(() => freshness.admit(ping(0, START), te1), code('M4C_BUSY'), 'forgotten');
  assert.throws(() => freshness.admit(ping(200, START + 999), te1), code('M4C_BUSY'), 'new, but as old');
  assert.throws(() => freshness.admit(ping(5, START + 2000), te1), code('M4C_REPLAY'), 'still known');
  for (const n of [100, 101, 102])
    assert.throws(() => freshness.admit(ping(n, START), te2), code('M4C_REPLAY'), 'of the other one');
  freshness.admit(ping(201, START + 1000), te1);
});

test('what has expired goes first, whoever has most', () => {
  const clock = settableClock(START);
  const freshness = new Freshness(clock, memoryFloor(), { ...limits, capacity: 10 });
  for (let n = 0; n < 4; n++) freshness.admit(ping(n, START), te1);
  for (let n = 100; n < 106; n++) freshness.admit(ping(n, START + 5000), te2);
  clock.set(START + 62_000);
  freshness.admit(ping(4, START + 60_000), te1);
  assert.throws(() => freshness.admit(ping(100, START + 5000), te2), code('M4C_REPLAY'));
  freshness.admit(ping(106, START + 5000), te2);
});

test('however much one signer says, no id passes twice, and a quiet one is always heard', () => {
  const step = fc.record({
    loud: fc.boolean(),
    n: fc.nat(60),
    age: fc.integer({ min: -9_000, max: 50_000 }),
    tick: fc.nat(1500),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const clock = settableClock(START);
      const freshness = new Freshness(clock, memoryFloor(), { ...limits, capacity: 20 });
      const passed = new Set<string>();
      const messages = new Map<string, Payload>();
      let quiet = 0;
      for (const { loud, n, age, tick } of steps) {
        clock.set(clock.now() + tick);
        // The quiet one never has more than its half.
        if (!loud && quiet === 10) continue;
        if (!loud) quiet += 1;
        const signer = loud ? te1 : te2;
        const name = loud ? `loud ${n}` : `quiet ${quiet}`;
        const message = messages.get(name) ?? ping(loud ? n : 1000 + quiet, clock.now() - age);
        messages.set(name, message);
        try {
          freshness.admit(message, signer);
        } catch (thrown) {
          assert.ok(thrown instanceof Mom4cError);
          assert.ok(loud, `a quiet one is refused: ${thrown.message}`);
          continue;
        }
        assert.ok(!passed.has(name), `${name} passed twice`);
        passed.add(name);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a state may be shown again, an older one may not, and it ends when it expires', () => {
  const clock = settableClock(START);
  const freshness = new Freshness(clock, memoryFloor(), limits);
  freshness.admit(presence(START - 600_000), te1);
  freshness.admit(presence(START - 600_000), te1);
  freshness.admit(presence(START), te1);
  assert.throws(() => freshness.admit(presence(START - 1), te1), code('M4C_REPLAY'));
  clock.set(START + 3_600_000);
  assert.throws(() => freshness.admit(presence(START), te1), code('M4C_EXPIRED'));
});

test('a request, and its answer, may come again under its id when it was signed anew', () => {
  const freshness = new Freshness(settableClock(START), memoryFloor(), limits);
  const request = (time: number): PayloadOf<'request'> => {
    const { version: _version, ...head } = ping(1, time);
    return { ...head, type: 'request', name: 'ping', args: {}, timeout: 1000 };
  };
  freshness.admit(request(START), te1);
  freshness.admit(request(START + 1), te1);
  assert.throws(() => freshness.admit(request(START + 1), te1), code('M4C_REPLAY'));
  const rejected = (time: number): PayloadOf<'rejected'> => {
    const { version: _version, ...head } = ping(1, time);
    return { ...head, type: 'rejected', error: { code: 'M4C_BUSY' } };
  };
  freshness.admit(rejected(START), te1);
  freshness.admit(rejected(START + 1), te1);
  assert.throws(() => freshness.admit(rejected(START), te1), code('M4C_REPLAY'));
});

test('a command, and its result, may come again under its id when it was signed anew; the same octets may not', () => {
  const clock = settableClock(START);
  const store = memoryFloor();
  let freshness = new Freshness(clock, store, limits);
  const head = (time: number) => {
    const { version: _version, ...rest } = ping(1, time);
    return rest;
  };
  const command = (time: number): PayloadOf<'command'> => {
    const epoch = { generation: 1, counter: 1 };
    return { ...head(time), type: 'command', epoch, name: 'ping', args: {} };
  };
  const result = (time: number): PayloadOf<'result'> => ({ ...head(time), type: 'result', state: 'unknown' });
  for (const make of [command, result]) {
    freshness.admit(make(START), te1);
    freshness.admit(make(START + 1), te1);
    assert.throws(() => freshness.admit(make(START), te1), code('M4C_REPLAY'));
    assert.throws(() => freshness.admit(make(START + 1), te1), code('M4C_REPLAY'));
  }
  freshness = new Freshness(clock, store, limits);
  assert.throws(() => freshness.admit(command(START + 1), te1), code('M4C_EXPIRED'));
  freshness.admit(command(START + 2), te1);
});

test('an inquiry counts once, whenever it was signed', () => {
  const freshness = new Freshness(settableClock(START), memoryFloor(), limits);
  const inquiry = (time: number): PayloadOf<'inquiry'> => {
    const { version: _version, ...head } = ping(1, time);
    const epoch = { generation: 1, counter: 1 };
    return { ...head, type: 'inquiry', epoch, ids: [head.id] };
  };
  freshness.admit(inquiry(START), te1);
  assert.throws(() => freshness.admit(inquiry(START + 1), te1), code('M4C_REPLAY'));
});
