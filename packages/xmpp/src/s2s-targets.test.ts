// Mutations seen red: a record of "." taken for a host; the order by priority turned round; no bound on their number.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { systemClock } from '@mom4c/core';
import { orderedTargets, s2sTargets } from './s2s-targets.ts';
import { ENCRYPTED, SSO, VERIFIED } from './test-certificates.ts';
import { countingRandom, isError } from './test-fakes.ts';

const record = (name: string, port: number, priority = 0, weight = 0) => ({ name, port, priority, weight });
const ordered = (kinds: boolean[], ...answers: (ReturnType<typeof record>[] | undefined)[]) =>
  orderedTargets('beta.test', kinds, answers, countingRandom());

test('as configured: direct TLS, STARTTLS, or one after the other', async () => {
  const asked = {
    pair: { local: 'alpha.test', remote: 'beta.test' },
    address: { host: '192.0.2.1', port: 5269 },
    clock: systemClock,
    random: countingRandom(),
    signal: new AbortController().signal,
  };
  const directs = async (policy: typeof SSO) =>
    (await s2sTargets({ ...asked, policy })).map(({ direct }) => direct);
  assert.deepEqual(await directs(SSO), [true]);
  assert.deepEqual(await directs({ ...SSO, tls: 'starttls' }), [false]);
  assert.deepEqual(await directs(ENCRYPTED), [false, true]);
  assert.deepEqual(await directs(VERIFIED), [false, true]);
});

test('records of both kinds, in the order of their priorities', () => {
  assert.deepEqual(
    ordered([false, true], [record('b', 5269, 20), record('a', 5269, 10)], [record('c', 5270, 15)]),
    [
      { host: 'a', port: 5269, direct: false },
      { host: 'c', port: 5270, direct: true },
      { host: 'b', port: 5269, direct: false },
    ],
  );
});

test('of the same priority each comes first in proportion to its weight', () => {
  const { octets } = drawnOctets();
  const answers = [[record('light', 1, 0, 1), record('heavy', 2, 0, 3)]];
  let first = 0;
  for (let count = 0; count < 1_000; count += 1)
    if (orderedTargets('beta.test', [false], answers, { bytes: octets })[0]?.host === 'heavy') first += 1;
  assert.ok(first > 700 && first < 800, String(first));
});

/** The same at each run. */
function drawnOctets(): { octets: (count: number) => Uint8Array } {
  let drawn = 0;
  return {
    octets: (count) =>
      createHash('sha256')
        .update(String((drawn += 1)))
        .digest()
        .subarray(0, count),
  };
}

test('without records: the host itself, but for direct TLS', () => {
  assert.deepEqual(ordered([false, true], undefined, undefined), [
    { host: 'beta.test', port: 5269, direct: false },
  ]);
  assert.throws(() => ordered([true], undefined), isError('M4C_PARTNER_STREAM', /no _xmpps-server/));
});

test('a record of "." says that there is no such service', () => {
  assert.throws(() => ordered([false], [record('.', 0)]), isError('M4C_PARTNER_STREAM', /no such service/));
  assert.throws(() => ordered([false], [record('', 0)]), isError('M4C_PARTNER_STREAM', /no such service/));
});

test('no more than six are tried', () => {
  assert.equal(
    ordered(
      [false],
      Array.from({ length: 100 }, (_, index) => record(`h${index}`, 1)),
    ).length,
    6,
  );
});
