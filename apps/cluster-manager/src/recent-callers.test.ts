// Mutations seen red: the one heard first forgotten when it was heard again; all of them given, however long ago; no bound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentCallers } from './recent-callers.ts';
import { FakeTime } from './test-fakes.ts';

test('whoever asked within the last minute is known, the latest last', () => {
  const time = new FakeTime();
  const callers = new RecentCallers(time);
  for (const requester of ['ann@alpha.test/a', 'bob@alpha.test/b', 'ann@alpha.test/a'])
    callers.accepted({ requester });
  assert.deepEqual(callers.list(), ['bob@alpha.test/b', 'ann@alpha.test/a']);
  time.pass(40_000);
  callers.accepted({ requester: 'bob@alpha.test/b' });
  time.pass(40_000);
  assert.deepEqual(callers.list(), ['bob@alpha.test/b']);
});

test('of many the hundred latest are known', () => {
  const callers = new RecentCallers(new FakeTime());
  callers.accepted({ requester: 'first@alpha.test/a' });
  for (let n = 0; n < 99; n++) callers.accepted({ requester: `u${n}@alpha.test/a` });
  callers.accepted({ requester: 'first@alpha.test/a' });
  callers.accepted({ requester: 'last@alpha.test/a' });
  const known = callers.list();
  assert.deepEqual([known.length, known.includes('u0@alpha.test/a')], [100, false]);
  assert.deepEqual(known.slice(-2), ['first@alpha.test/a', 'last@alpha.test/a']);
});
