// Mutations seen red: no bound for a person; none in all; a subscription that is never over; no right asked for; a gap not told
// where the id is unknown; what is new from now on asked for, and all that there is told.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { policyOf } from '@mom4c/access';
import { Mom4cError, uuidv7 } from '@mom4c/core';
import type { Certificate, EventRecord, Role } from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import type { XmppSession } from '@mom4c/xmpp';
import { EventLog } from './event-log.ts';
import type { Leadership } from './leadership.ts';
import { Subscriptions } from './subscriptions.ts';
import { FakeTime, zeroes } from './test-fakes.ts';

const publicKey = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const BOB = 'bob@people.alpha.test';
const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;

function setUp() {
  const time = new FakeTime();
  const log = new EventLog();
  const member = { clock: time, service: 'cm@alpha.test' } as unknown as Member;
  const subscriptions = new Subscriptions({
    ...{ member, log, policy: policyOf({ [BOB]: 'viewer' }), managers: () => [] },
    leadership: { epoch: { generation: 1, counter: 1 } } as unknown as Leadership,
    session: {} as unknown as XmppSession,
  });
  const subscribe = (
    who: { name: string; role: Role },
    from: string,
    asked: Partial<PayloadOf<'subscribe'>> = {},
  ) => {
    const signer = { ...who, publicKey, fingerprint: who.name } as unknown as Certificate;
    const head = { type: 'subscribe', id: '1', from: `${who.name}@alpha.test`, to: 'cm@alpha.test' } as const;
    const payload: PayloadOf<'subscribe'> = { ...head, time: 0, expires: 1, ...asked };
    return subscriptions.subscribe({ payload, signer, evidence: new Uint8Array() }, from);
  };
  const add = (): EventRecord => {
    time.pass(1000);
    const when = new Date(time.now()).toISOString();
    const event: EventRecord = {
      ...{ id: uuidv7(time, zeroes), time: when, severity: 'alarm', kind: 'node-lost' },
      ...{ subject: 'te1', text: 'x', by: 'cm1' },
    };
    log.add(event);
    return event;
  };
  return { time, subscriptions, subscribe, add };
}

const admin = { name: 'admin', role: 'admin' } as const;
const adapter = { name: 'adapter', role: 'adapter' } as const;

test('whoever may read events may watch: administrators, and people whom the policy names', () => {
  const { subscribe } = setUp();
  assert.equal(subscribe(admin, 'admin@alpha.test/1').type, 'subscribed');
  assert.equal(subscribe(adapter, 'adapter@alpha.test/1', { onBehalfOf: BOB }).type, 'subscribed');
  const eve = { onBehalfOf: 'eve@people.alpha.test' };
  assert.throws(() => subscribe(adapter, 'adapter@alpha.test/2', eve), code('M4C_FORBIDDEN'));
  assert.throws(() => subscribe({ name: 'te1', role: 'te' }, 'te1@alpha.test/a'), code('M4C_FORBIDDEN'));
});

test('one person watches five times, all together a hundred times, each for a minute', () => {
  const { time, subscribe, subscriptions } = setUp();
  for (let n = 0; n < 5; n++) subscribe(admin, `admin@alpha.test/${n}`);
  assert.throws(() => subscribe(admin, 'admin@alpha.test/5'), code('M4C_BUSY'));
  assert.equal(subscribe(admin, 'admin@alpha.test/0').type, 'subscribed', 'renewed');
  subscriptions.gone('admin@alpha.test/1');
  assert.equal(subscribe(admin, 'admin@alpha.test/5').type, 'subscribed');
  for (let n = 0; n < 95; n++) subscribe({ ...admin, name: `a${n}` }, `a${n}@alpha.test/1`);
  assert.equal(subscriptions.size, 100);
  assert.throws(() => subscribe({ ...admin, name: 'b' }, 'b@alpha.test/1'), code('M4C_BUSY'));
  time.pass(59_000);
  subscribe(admin, 'admin@alpha.test/0');
  time.pass(1_000);
  assert.equal(subscriptions.size, 1);
});

test('from now on, from a time on, or after an event; where that is not known, a gap', () => {
  const { subscribe, add } = setUp();
  const [first, second] = [add(), add()];
  const from = 'admin@alpha.test/1';
  assert.deepEqual(subscribe(admin, from).events, []);
  assert.deepEqual(subscribe(admin, from, { since: Date.parse(second.time) }).events, [second]);
  const after = subscribe(admin, from, { after: first.id });
  assert.deepEqual([after.events, after.gap, after.last], [[second], false, second.id]);
  const unknown = `${first.id.slice(0, -1)}f`;
  const { events, gap } = subscribe(admin, from, { after: unknown });
  assert.deepEqual([events, gap], [[first, second], true]);
});
