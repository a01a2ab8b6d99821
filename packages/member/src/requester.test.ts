// Mutation seen red: the managers not looked up anew.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError, asMom4cError, systemClock, systemRandom } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import type { XmppSession } from '@mom4c/xmpp';
import type { Member } from './member.ts';
import { Requester } from './requester.ts';

const SERVICE = 'cm@alpha.test';
const manager = (name: string, ...addresses: string[]): Certificate =>
  ({ name, role: 'cm', fingerprint: name, addresses }) as unknown as Certificate;

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
  const request = { name: 'ping', args: {}, targets: undefined, timeout: 1000 };
  await assert.rejects(requester.send(request), { code: 'M4C_CANNOT_OPEN' });
  assert.deepEqual(sealedTo, [['cm1'], ['cm1', 'cm4']]);
  requester.close();
});
