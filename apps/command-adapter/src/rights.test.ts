// Mutations seen red, one each: the word of another person given; kept for ever; a failure kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { Rights } from './rights.ts';

const ANN = 'ann@people.alpha.test/phone';

test('the manager is asked for each person, and again after a while; a failure is not kept', async () => {
  let now = 0;
  let down = false;
  const asked: string[] = [];
  const rights = new Rights(
    async (person) => {
      asked.push(person);
      if (down) throw new Mom4cError('M4C_NO_MANAGER');
      return person.startsWith('ann') ? ['ping'] : [];
    },
    { monotonic: () => now },
  );
  assert.deepEqual(await rights.of(ANN), ['ping']);
  assert.deepEqual(await rights.of('ann@people.alpha.test/desk'), ['ping']);
  assert.deepEqual(await rights.of('bob@people.alpha.test/x'), []);
  assert.deepEqual(asked, ['ann@people.alpha.test', 'bob@people.alpha.test']);
  now = 5_000;
  down = true;
  await assert.rejects(rights.of(ANN));
  down = false;
  assert.deepEqual(await rights.of(ANN), ['ping']);
  assert.equal(asked.length, 4);
});
