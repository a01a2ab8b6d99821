// Mutations seen red: the receiving host left out of the key; `confirms` always true.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { createDialbackKeys } from './dialback.ts';
import { countingRandom } from './test-fakes.ts';

const NAMES = { receiving: 'xmpp.example.com', originating: 'example.org', stream: 'D60000229F' };

test('the key of the example of XEP-0185', () => {
  const keys = createDialbackKeys({ bytes: () => Buffer.from('s3cr3tf0rd14lb4ck') });
  assert.equal(keys.make(NAMES), '37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643');
  const secret = createHash('sha256').update('s3cr3tf0rd14lb4ck').digest('hex');
  const same = createHmac('sha256', secret).update('xmpp.example.com example.org D60000229F').digest('hex');
  assert.equal(keys.make(NAMES), same);
});

test('a key is confirmed for its stream and its hosts, by who made it', () => {
  const random = countingRandom();
  const keys = createDialbackKeys(random);
  const key = keys.make(NAMES);
  assert.ok(keys.confirms(NAMES, key));
  for (const field of ['receiving', 'originating', 'stream'] as const)
    assert.ok(!keys.confirms({ ...NAMES, [field]: 'other' }, key), field);
  for (const other of ['', key.slice(1), key.toUpperCase(), `${key} `])
    assert.ok(!keys.confirms(NAMES, other));
  assert.ok(!createDialbackKeys(random).confirms(NAMES, key));
});
