// Mutations seen red: retired for another reason than that the lease ran out, with a majority, or without the bus; the address
// kept when the bus is lost, when there is a majority again (also while it retires), when it leads again, or at the end; left for less;
// closed after the next term was opened; one that has lost the address said to have retired.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HoldingState, LossReason } from '@mom4c/cluster';
import { Mom4cError, silentLog } from '@mom4c/core';
import type { Epoch } from '@mom4c/core';
import { Succession } from './succession.ts';
import type { TermPort } from './succession.ts';
import { FakeTime } from './test-fakes.ts';

const EPOCH = { generation: 1, counter: 7 };
const NEXT = { generation: 1, counter: 8 };

test('a term retires if its lease ran out for want of a majority while the bus was there, and is closed otherwise', async () => {
  const closing: readonly [reason: LossReason, withoutMajority: boolean, connected: boolean][] = [
    ['lease ran out', false, true],
    ['lease ran out', true, false],
    ['deposed', true, true],
    ['not eligible', true, true],
    ['generation raised', true, true],
    ['handed over', true, true],
    ['resigned', true, true],
  ];
  for (const [reason, withoutMajority, connected] of closing) {
    const { candidate, bus, steps } = await leads();
    candidate.withoutMajority = withoutMajority;
    bus.set(connected);
    await candidate.lose(reason);
    assert.deepEqual(steps, ['open 7', 'close 7'], reason);
  }
  const { succession, steps, said } = await retires();
  assert.deepEqual([steps, said, succession.term], [['open 7', 'retire 7'], [true], undefined]);
});

test('it stays retired while there is no majority, whatever else happens', async () => {
  const { succession, candidate, seat, journal, steps } = await retires();
  seat.connected = false;
  succession.consider();
  succession.journalFault();
  journal.lag = undefined;
  journal.told();
  succession.managerGone('cm2');
  succession.follow({ manager: 'cm2', standbys: [] } as never);
  candidate.tellMajority();
  await settle();
  assert.deepEqual(steps, ['open 7', 'retire 7']);
});

test('it leaves the address once there is a majority, though nobody leads yet', async () => {
  const { candidate, steps } = await retires();
  candidate.withoutMajority = false;
  candidate.tellMajority();
  await settle();
  assert.deepEqual(steps.slice(2), ['close 7']);
});

test('it leaves the address also if there is a majority again before it has retired', async () => {
  const { candidate, steps, term } = await leads();
  const retired = Promise.withResolvers<boolean>();
  term.retired = retired.promise;
  candidate.withoutMajority = true;
  await candidate.lose('lease ran out');
  candidate.withoutMajority = false;
  candidate.tellMajority();
  await settle();
  assert.deepEqual(steps, ['open 7', 'retire 7']);
  retired.resolve(true);
  await settle();
  assert.deepEqual(steps.slice(2), ['close 7']);
});

test('it leaves the address when the bus is lost, and does not come back to it', async () => {
  const { bus, steps } = await retires();
  bus.set(false);
  bus.set(true);
  await settle();
  assert.deepEqual(steps.slice(2), ['close 7']);
});

test('it has left the address before it leads again', async () => {
  const { candidate, steps, term } = await retires();
  const closed = Promise.withResolvers<void>();
  term.closed = closed.promise;
  await candidate.take(NEXT);
  assert.deepEqual(steps.slice(2), ['close 7']);
  closed.resolve();
  await settle();
  assert.deepEqual(steps.slice(2), ['close 7', 'open 8']);
});

test('it leaves the address when it stops', async () => {
  const { succession, steps } = await retires();
  await succession.stop();
  assert.deepEqual(steps.slice(2), ['stop', 'close 7']);
});

test('a term that has lost the address as well is closed, and not said to have retired', async () => {
  const { candidate, steps, said, term } = await leads();
  term.retired = Promise.resolve(false);
  candidate.withoutMajority = true;
  await candidate.lose('lease ran out');
  assert.deepEqual([steps, said], [['open 7', 'retire 7', 'close 7'], [false]]);
});

async function retires() {
  const range = await leads();
  range.candidate.withoutMajority = true;
  await range.candidate.lose('lease ran out');
  return range;
}

/** It leads under EPOCH. `steps`: what becomes of terms, by the counter of their epoch; `said`: whether one is said to have retired. */
async function leads() {
  const [steps, said]: [string[], unknown[]] = [[], []];
  const candidate = new FakeCandidate(steps);
  const bus = new FakeBus();
  const seat = { connected: true, hasManager: () => true, sayStanding: () => () => {} };
  const journal = new FakeLag();
  const term = { retired: Promise.resolve(true), closed: Promise.resolve() };
  const openTerm = ({ counter }: Epoch): TermPort => {
    steps.push(`open ${counter}`);
    return {
      open: Promise.resolve(),
      standbysChanged() {},
      retire() {
        steps.push(`retire ${counter}`);
        return term.retired;
      },
      close() {
        steps.push(`close ${counter}`);
        return term.closed;
      },
    };
  };
  const log = {
    ...silentLog,
    info(fields: object, message: string) {
      if (message === 'does not lead any more') said.push((fields as { retired: boolean }).retired);
    },
  };
  const errorOf = (): Mom4cError => new Mom4cError('M4C_INTERNAL');
  const member = { clock: new FakeTime(), signal: new AbortController().signal, log, errorOf };
  const succession = new Succession<TermPort>({
    ...{ name: 'cm1', member, candidate, bus, seat, journal, openTerm },
  });
  await candidate.take(EPOCH);
  return { succession, candidate, bus, seat, journal, term, steps, said };
}

class FakeCandidate {
  holding = false;
  lease = undefined;
  withoutMajority = false;
  readonly #steps: string[];
  #change = (_state: HoldingState): void => {};
  #majority = (): void => {};

  constructor(steps: string[]) {
    this.#steps = steps;
  }

  onChange(listener: (state: HoldingState) => void): () => void {
    this.#change = listener;
    return () => {};
  }

  onMajority(listener: () => void): () => void {
    this.#majority = listener;
    return () => {};
  }

  setEligible(): void {}
  setStandbys(): void {}
  holderGone(): void {}

  async stop(): Promise<void> {
    this.#steps.push('stop');
  }

  async take(epoch: Epoch): Promise<void> {
    this.holding = true;
    this.#change({ holding: true, epoch });
    await settle();
  }

  async lose(reason: LossReason): Promise<void> {
    this.holding = false;
    this.#change({ holding: false, reason });
    await settle();
  }

  tellMajority(): void {
    this.#majority();
  }
}

class FakeBus {
  connected = true;
  #listener = (_connected: boolean): void => {};

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  set(connected: boolean): void {
    this.connected = connected;
    this.#listener(connected);
  }
}

class FakeLag {
  lag: number | undefined = 0;
  told = (): void => {};

  onLag(listener: (lag: number | undefined) => void): () => void {
    this.told = () => listener(this.lag);
    return () => {};
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
