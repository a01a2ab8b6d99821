// Mutations seen red, one each: the managers not looked up anew; what was accepted given up when nobody is there for ten seconds;
// the arrival of a manager not heard, or only by who waits already.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError, asMom4cError, systemClock, systemRandom } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import { xml } from '@mom4c/xmpp';
import type { XmppSession } from '@mom4c/xmpp';
import type { Member } from './member.ts';
import { Requester } from './requester.ts';
import { NS_ENCRYPTED } from './wire.ts';

const SERVICE = 'cm@alpha.test';
const manager = (name: string, ...addresses: string[]): Certificate =>
  ({ name, role: 'cm', fingerprint: name, addresses }) as unknown as Certificate;

const REQUEST = { name: 'ping', args: {}, targets: undefined, timeout: 1000 };

/** Time that goes on to the next timer as soon as nothing else is to be done. */
function hurriedClock() {
  let time = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  const turn = (): void => {
    const [next] = [...timers].toSorted((a, b) => a.at - b.at);
    if (!next) return;
    timers.delete(next);
    time = next.at;
    next.callback();
  };
  return {
    now: () => time,
    monotonic: () => time,
    after(ms: number, callback: () => void) {
      const timer = { at: time + ms, callback };
      timers.add(timer);
      setImmediate(turn);
      return () => timers.delete(timer);
    },
  };
}

test('what was accepted is asked for although nobody is there for a while; what was not is given up', async () => {
  const clock = hurriedClock();
  const id = 'an id';
  let hear = (_message: object): void => {};
  let accepting = true;
  const member = {
    address: 'admin@alpha.test',
    service: SERVICE,
    settings: { name: 'admin' },
    signal: new AbortController().signal,
    ...{ clock, random: systemRandom, newId: () => id },
    log: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    errorOf: (thrown: unknown) => asMom4cError(thrown, () => ''),
    directory: { byAddress: async () => [manager('cm1', SERVICE)] },
    postbox: {
      sealTo: async () => ({ kind: 'sealed', sealed: Buffer.of() }),
      open: async (_letter: unknown, [type]: readonly string[]) => ({ payload: { type, id, targets: [] } }),
    },
  };
  const letter = xml('x', { xmlns: NS_ENCRYPTED }, 'AAAA');
  const session = {
    ...{ onPresence: () => () => {}, on: () => () => {} },
    onMessage: (listener: typeof hear) => ((hear = listener), () => {}),
    async request() {
      if (!accepting) throw new Mom4cError('M4C_XMPP_RECIPIENT');
      return xml('iq', {}, letter);
    },
  };
  const requester = new Requester(member as unknown as Member, session as unknown as XmppSession);
  const sent = requester.send(REQUEST, () => {
    accepting = false;
    clock.after(30_000, () => {
      const element = xml('message', {}, letter);
      hear({ from: `${SERVICE}/cm2`, type: 'normal', element });
    });
  });
  assert.equal((await sent).type, 'outcome');
  assert.ok(clock.now() >= 30_000);
  const begun = clock.now();
  await assert.rejects(requester.send(REQUEST), { code: 'M4C_NO_MANAGER' });
  assert.ok(clock.now() - begun < 15_000);
  requester.close();
});

test('a manager that is newer than what is remembered is looked up, once, and asked again', async () => {
  const sealedTo: string[][] = [];
  const member = {
    address: 'admin@alpha.test',
    service: SERVICE,
    settings: { name: 'admin' },
    signal: new AbortController().signal,
    ...{ clock: systemClock, random: systemRandom, newId: () => 'an id' },
    log: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    errorOf: (thrown: unknown) => asMom4cError(thrown, () => ''),
    directory: {
      byAddress: async () => [manager('cm1', SERVICE)],
      byRole: async () => [
        manager('cm1', SERVICE),
        manager('cm4', SERVICE),
        manager('cm5', 'cm5@alpha.test'),
      ],
    },
    postbox: {
      async sealTo(_payload: unknown, recipients: readonly Certificate[]) {
        sealedTo.push(recipients.map(({ name }) => name));
        return { kind: 'sealed', sealed: Buffer.of() };
      },
    },
  };
  const session = {
    ...{ onMessage: () => () => {}, onPresence: () => () => {}, on: () => () => {} },
    request: async () => Promise.reject(new Mom4cError('M4C_CANNOT_OPEN')),
  };
  const requester = new Requester(member as unknown as Member, session as unknown as XmppSession);
  await assert.rejects(requester.send(REQUEST), { code: 'M4C_CANNOT_OPEN' });
  assert.deepEqual(sealedTo, [['cm1'], ['cm1', 'cm4']]);
  requester.close();
});

test('whoever waits for a manager asks again at once when the server says that one is there', async () => {
  for (const when of ['while it waits', 'while it asks'] as const) {
    let show = (_presence: object): void => {};
    const waits = Promise.withResolvers<void>();
    let asked = 0;
    const member = {
      address: 'admin@alpha.test',
      service: SERVICE,
      settings: { name: 'admin' },
      signal: new AbortController().signal,
      ...{ random: systemRandom, newId: () => 'an id' },
      // Nobody comes back from a pause by himself.
      clock: { now: () => 0, monotonic: () => 0, after: () => (waits.resolve(), () => {}) },
      log: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
      errorOf: (thrown: unknown) => asMom4cError(thrown, () => ''),
      directory: { byAddress: async () => [manager('cm1', SERVICE)] },
      postbox: { sealTo: async () => ({ kind: 'sealed', sealed: Buffer.of() }) },
    };
    const arrive = (): void => show({ from: `${SERVICE}/active`, type: undefined });
    const session = {
      ...{ onMessage: () => () => {}, on: () => () => {} },
      onPresence: (listener: typeof show) => ((show = listener), () => {}),
      async request() {
        asked += 1;
        if (asked > 1) throw new Mom4cError('M4C_FORBIDDEN');
        if (when === 'while it asks') arrive();
        throw new Mom4cError('M4C_XMPP_RECIPIENT');
      },
    };
    const requester = new Requester(member as unknown as Member, session as unknown as XmppSession);
    const sent = assert.rejects(requester.send(REQUEST), { code: 'M4C_FORBIDDEN' });
    await waits.promise;
    if (when === 'while it waits') arrive();
    await sent;
    assert.equal(asked, 2);
    requester.close();
  }
});
