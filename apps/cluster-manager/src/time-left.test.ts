// Mutations seen red: waiting until the deadline by this manager's clock alone; a deadline that has just come not late.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { INQUIRY_MS, timeLeft } from './time-left.ts';

const entry = {
  ...{ id: '01890a5d-ac96-774b-bcce-b302099a8057', command: 'ping', requester: 'admin1@alpha.test/a' },
  ...{ acceptedAt: 100_000, deadline: 105_000, evidence: Buffer.of(), targets: ['te1'] },
};

test('a command has what is left of its time, and from its deadline on its targets are asked', () => {
  assert.deepEqual(timeLeft(entry, 100_000), { late: false, remaining: 5000 });
  assert.deepEqual(timeLeft(entry, 104_999), { late: false, remaining: 1 });
  assert.deepEqual(timeLeft(entry, 105_000), { late: true, remaining: INQUIRY_MS });
});

test('however far behind the clock of a manager is, it waits for no longer than the command was given', () => {
  const timeout = entry.deadline - entry.acceptedAt;
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (difference) => {
      const { late, remaining } = timeLeft(entry, entry.acceptedAt + difference);
      assert.equal(late, difference >= timeout);
      assert.ok(remaining > 0 && remaining <= Math.max(timeout, INQUIRY_MS));
    }),
  );
});
