// Mutations seen red, one each: what is damaged believed; raised over whatever stands there, or beside it; lowered.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemRandom as random } from '@mom4c/core';
import { createAuthority, readGeneration, signGeneration } from '@mom4c/pki';
import { openDatabase } from './database.ts';
import { createGeneration } from './generation.ts';

const domain = 'alpha.test';
const clock = { now: () => Date.UTC(2026, 5, 1) };
const { key: authorityKey, authority } = await createAuthority({ domain, clock, random, validityDays: 99 });
const damaged = { name: 'Mom4cError', code: 'M4C_CONFIG' };

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-generation-'));
  const database = openDatabase(folder);
  t.after(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  const parts = { authority, authorityKey, domain, database, clock };
  return { database, open: () => createGeneration(parts) };
}

test('there is no statement before it is raised; then it grows by one each time, over a restart as well', async (t) => {
  const { open } = setUp(t);
  const generation = open();
  assert.equal(generation.current(), undefined);
  assert.equal(await generation.raise(), 2);
  const { octets } = generation.current()!;
  assert.deepEqual(readGeneration(octets, { authority, domain }), {
    domain,
    generation: 2,
    time: clock.now(),
  });
  const again = open();
  assert.deepEqual(again.current(), { generation: 2, octets });
  assert.equal(await again.raise(), 3);
  assert.equal(generation.current()?.generation, 3);
});

test('of two who raise it at once one is refused, and no generation is stated twice', async (t) => {
  const { open } = setUp(t);
  for (const expected of [2, 3]) {
    const outcomes = await Promise.allSettled([open().raise(), open().raise()]);
    const said = outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code));
    assert.deepEqual(new Set(said), new Set([expected, 'M4C_BUSY']));
    assert.equal(open().current()?.generation, expected);
  }
});

test('it never goes down, and what is damaged is neither served nor built on', async (t) => {
  const { open, database } = setUp(t);
  const generation = open();
  await generation.raise();
  await generation.raise();
  const sign = (number: number, of = domain) =>
    signGeneration({ domain: of, generation: number, time: 1 }, { authority, authorityKey });
  const set = (number: number, octets: Uint8Array) =>
    database.prepare('UPDATE generation SET number = ?, statement = ?').run(number, octets);
  const lower = await sign(2);
  assert.throws(() => set(2, lower), /never goes down/);
  assert.equal(generation.current()?.generation, 3);
  for (const [number, octets] of [
    [4, await sign(5)],
    [5, await sign(5, 'beta.test')],
    [6, Buffer.from('nothing')],
  ] as const) {
    set(number, octets);
    assert.throws(() => generation.current(), damaged);
    await assert.rejects(generation.raise(), damaged);
  }
  set(7, await sign(7));
  assert.equal(await generation.raise(), 8);
});
