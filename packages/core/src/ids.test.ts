// Mutations seen red: version bits not set; the time written in the wrong octets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isUuidv7, uuidv7 } from './ids.ts';

test('version, variant and time stand where RFC 9562 §5.7 puts them, whatever the randomness', () => {
  const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  fc.assert(
    fc.property(time, fc.uint8Array({ minLength: 16, maxLength: 16 }), (now, random) => {
      const id = uuidv7({ now: () => now }, { bytes: () => random });
      assert.ok(isUuidv7(id), id);
      assert.equal(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), now);
    }),
  );
});

test('later ids sort later', () => {
  const at = (now: number) => uuidv7({ now: () => now }, { bytes: () => Buffer.alloc(16, 0xff - (now % 7)) });
  const ids = [1, 2, 3, 1000, 2 ** 40].map(at);
  assert.deepEqual(ids.toSorted(), ids);
});
