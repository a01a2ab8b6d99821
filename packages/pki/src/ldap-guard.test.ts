// Mutations seen red: no limit of a message; none of an answer; the indefinite length taken for 0; the rest not kept; a
// message taken after a fault.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLdapGuard, MAX_KEPT, MAX_MESSAGE, MAX_MESSAGES } from './ldap-guard.ts';
import { fault } from './test-domain.ts';

/** `{ messageID, [APPLICATION 4] … }` with so many octets of content, its length written in so many octets. */
function message(id: number, content = 0, lengthOctets = 2): Buffer {
  const body = Buffer.concat([Buffer.from([2, 2, id >> 8, id & 0xff]), Buffer.alloc(content, 0x64)]);
  const length = Buffer.alloc(lengthOctets);
  length.writeUIntBE(body.length, 0, lengthOctets);
  return Buffer.concat([Buffer.from([0x30, 0x80 | lengthOctets]), length, body]);
}

/** @param onTaken may settle the request */
function setUp(isOutstanding: (id: number) => boolean = () => true, onTaken = () => {}) {
  const taken: Buffer[] = [];
  const take = (each: Buffer): void => {
    taken.push(Buffer.from(each));
    onTaken();
  };
  return { taken, guard: createLdapGuard(take, isOutstanding) };
}

test('however the octets arrive, whole messages come out, one at a time', () => {
  const messages = fc.array(
    fc
      .tuple(fc.integer({ min: 1, max: 0xffff }), fc.nat(300), fc.constantFrom(2, 3, 4))
      .map((each) => message(...each)),
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
  guard.write(Buffer.concat(Array.from({ length: 200_000 }, (_, index) => message(1 + (index & 0x7fff)))));
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

test('answers without their end have a bounded size, under however many ids', () => {
  const { taken, guard } = setUp();
  const large = (id: number) => message(id, 60_000);
  const fitting = Math.floor(MAX_KEPT / large(1).length);
  for (let index = 1; index <= fitting; index++) guard.write(large(index));
  assert.throws(() => guard.write(large(1)), fault('M4C_DIRECTORY_ENTRY'));
  assert.equal(taken.length, fitting);
});

test('what is answered to its end is kept no more, even where another request always waits', () => {
  const outstanding = new Set([1]);
  const { taken, guard } = setUp(
    (id) => outstanding.has(id),
    () => outstanding.delete(taken.length + 1),
  );
  const count = 2 * Math.ceil(MAX_KEPT / 60_000);
  for (let id = 2; id < count; id++) {
    outstanding.add(id);
    guard.write(message(id, 60_000));
  }
  assert.equal(taken.length, count - 2);
});

test('an answer to no request ends it; one notice of the end does not, and goes no further', () => {
  const { taken, guard } = setUp((id) => id === 2);
  guard.write(message(2));
  guard.write(message(0));
  guard.write(message(2));
  assert.equal(taken.length, 2);
  assert.throws(() => guard.write(message(0)), fault('M4C_DIRECTORY_ENTRY'));
  const other = setUp((id) => id === 2).guard;
  assert.throws(() => other.write(message(3)), fault('M4C_DIRECTORY_ENTRY'));
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
