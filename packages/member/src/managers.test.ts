// Mutations seen red: the directory asked each time, or never again; certificates that are not named, or have expired, given;
// their serial numbers not asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Certificate } from '@mom4c/core';
import { NamedManagers } from './managers.ts';

const certificate = (name: string, fingerprint: string, notAfter = 1e12): Certificate =>
  ({ name, fingerprint, serial: fingerprint, notAfter, role: 'cm' }) as Certificate;

/** A directory that holds, newest first, what is put into `held`. */
function setUp(...held: Certificate[]) {
  let [now, asked] = [0, 0];
  const serials: string[] = [];
  const clock = { now: () => now, monotonic: () => now, after: () => () => {} };
  const directory = {
    byAddress: async () => ((asked += 1), held),
    byRole: async () => [],
    byIssuerAndSerial: async (_issuer: string, serial: string) => void serials.push(serial),
  };
  const managers = new NamedManagers({ directory, service: 'cm@alpha.test', clock });
  const find = async (...named: string[]) => (await managers.find(named)).map((one) => one.fingerprint);
  return { managers, find, held, serials, asked: () => asked, pass: (ms: number) => (now += ms) };
}

test('the directory is asked once for those that a statement names, and again for new ones', async () => {
  const { find, held, asked, pass } = setUp(certificate('cm1', 'aa'), certificate('cm2', 'bb'));
  assert.deepEqual(await find('aa', 'bb'), ['aa', 'bb']);
  pass(1e9);
  assert.deepEqual(await find('bb', 'aa'), ['aa', 'bb']);
  assert.deepEqual(await find('bb'), ['bb'], 'the other is a manager no more');
  assert.equal(asked(), 1);
  held[0] = certificate('cm1', 'cc');
  assert.deepEqual(await find('cc', 'bb'), ['cc', 'bb']);
  assert.equal(asked(), 2);
});

test('one that the directory does not have is asked for each time, and the others serve', async () => {
  const { find, asked } = setUp(certificate('cm1', 'aa'));
  for (let n = 1; n <= 2; n++) {
    assert.deepEqual(await find('aa', 'bb'), ['aa']);
    assert.equal(asked(), n);
  }
  await assert.rejects(find('bb'), { code: 'M4C_NO_MANAGER' });
});

test('one that has expired meanwhile is not used', async () => {
  const { find, held, pass } = setUp(certificate('cm1', 'aa', 1000));
  assert.deepEqual(await find('aa'), ['aa']);
  pass(1000);
  // As the real one does: it gives none that has expired.
  held.pop();
  await assert.rejects(find('aa'), { code: 'M4C_NO_MANAGER' });
});

test('before the first statement all that the directory has are meant', async () => {
  const { managers } = setUp(certificate('cm1', 'aa'), certificate('cm1', 'old'), certificate('cm2', 'bb'));
  const found = await managers.find(undefined);
  assert.deepEqual(
    found.map(({ fingerprint }) => fingerprint),
    ['aa', 'bb'],
  );
});

test('whoever takes over has signed something that can be verified at once', async () => {
  const { find, serials } = setUp(certificate('cm1', 'aa'), certificate('cm2', 'bb'));
  await find('aa', 'bb');
  assert.deepEqual(serials, ['aa', 'bb'], 'both are asked for as a signature names them');
});
