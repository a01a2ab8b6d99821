// Mutations seen red: no limit of a message; none of an answer; the indefinite length taken for 0; the rest not kept; a
// message taken after a fault.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLdapGuard, MAX_MESSAGE, MAX_MESSAGES } from './ldap-guard.ts';
import { fault } from './test-domain.ts';

/** `{ messageID, [APPLICATION 4] … }` with so many octets of content, its length written in so many octets. */
function message(id: number, content = 0, lengthOctets = 2): Buffer {
  const body = Buffer.concat([Buffer.from([2, 2, id >> 8, id & 0xff]), Buffer.alloc(content, 0x64)]);
  const length = Buffer.alloc(lengthOctets);
  length.writeUIntBE(body.length, 0, lengthOctets);
  return Buffer.concat([Buffer.from([0x30, 0x80 | lengthOctets]), length, body]);
}

function setUp() {
  const taken: Buffer[] = [];
  return { taken, guard: createLdapGuard((each) => taken.push(Buffer.from(each))) };
}

test('however the octets arrive, whole messages come out, one at a time', () => {
  const messages = fc.array(
    fc.tuple(fc.nat(0xffff), fc.nat(300), fc.constantFrom(2, 3, 4)).map((each) => message(...each)),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 })), (sent, cuts) => {
      const { taken, guard } = setUp();
      let stream = Buffer.concat(sent);
      for (const cut of cuts) {
        guard.write(stream.subarray(0, cut));
        stream = stream.subarray(cut);
      }
      guard.write(stream);
      assert.deepEqual(taken, sent);
    }),
  );
});

test('many small messages in one read are many calls, not a deep one', () => {
  const { taken, guard } = setUp();
  guard.write(Buffer.concat(Array.from({ length: 200_000 }, (_, index) => message(index & 0xffff))));
  assert.equal(taken.length, 200_000);
});

test('an answer has an end', () => {
  const { taken, guard } = setUp();
  for (let index = 0; index < MAX_MESSAGES; index++) guard.write(message(2));
  guard.write(message(3));
  assert.throws(() => guard.write(message(2)), fault('M4C_DIRECTORY_ENTRY'));
  guard.write(message(4));
  assert.equal(taken.length, MAX_MESSAGES + 1, 'nothing after a fault');
});

test('a message is refused by its length, before it arrives', () => {
  setUp().guard.write(message(2, MAX_MESSAGE - 8));
  for (const hostile of [
    '3084ffffffff',
    '308301000000',
    '3080',
    '3085000000000a',
    '3181',
    '0a',
    '3002',
    '30030400',
    '3003020500',
  ])
    assert.throws(
      () => setUp().guard.write(Buffer.concat([Buffer.from(hostile, 'hex'), Buffer.alloc(8)])),
      fault('M4C_DIRECTORY_ENTRY'),
      hostile,
    );
});
