// Mutation seen red: `get` that does not count as a use; one too many kept; `set` of what is there throws another out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap } from './recent-map.ts';

const keysOf = (map: RecentMap<string, number>, ...keys: string[]) =>
  keys.filter((key) => map.get(key) !== undefined);

test('what was not used for the longest time goes first', () => {
  const map = new RecentMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  assert.equal(map.get('a'), 1);
  map.set('c', 3);
  assert.deepEqual(keysOf(map, 'b', 'c', 'a'), ['c', 'a']);
  map.set('a', 4);
  assert.deepEqual(keysOf(map, 'c', 'a'), ['c', 'a']);
  map.delete('a');
  assert.deepEqual(keysOf(map, 'a', 'c'), ['c']);
});
