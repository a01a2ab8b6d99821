// Mutations seen red, one each: a lower one taken; nothing kept, or for all to read; what a manager claims believed, or its statement looked
// at without need; nobody told; each failure a line; asked without a break, after the end, or once only; whoever signs believed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { asMom4cError, systemRandom as random } from '@mom4c/core';
import { createAuthority, signGeneration } from '@mom4c/pki';
import { Generation } from './generation.ts';
import type { GenerationParts } from './generation.ts';

const domain = 'alpha.test';
const wall = { now: () => Date.UTC(2026, 5, 1) };
const made = { domain, clock: wall, random, validityDays: 9 };
const [own, other] = [await createAuthority(made), await createAuthority(made)];

const state = (generation: number, by = own): Promise<Uint8Array> =>
  signGeneration({ domain, generation, time: wall.now() }, { authority: by.authority, authorityKey: by.key });
const base64 = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');
const code = (wanted: string): object => ({ name: 'Mom4cError', code: wanted });
const epoch = (generation: number) => ({ generation, counter: 1 });

/** An authority that serves what it is told to, and counts who asks. */
async function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-generation-'));
  let time = 0;
  let served: Uint8Array | undefined;
  let asked = 0;
  const server = createServer((request, response) => {
    assert.equal(request.url, '/generation');
    asked += 1;
    response.writeHead(served ? 200 : 404).end(served);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const timers = new Set<() => void>();
  const warned: { code?: string }[] = [];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scep`;
  const parts = {
    authority: own.authority,
    clock: {
      now: () => wall.now(),
      monotonic: () => time,
      after(ms: number, callback: () => void) {
        assert.equal(ms, 60_000);
        timers.add(callback);
        return () => timers.delete(callback);
      },
    },
    errorOf: (thrown: unknown) => asMom4cError(thrown, () => 'bug'),
    log: { debug() {}, info() {}, error() {}, warn: (fields: object) => void warned.push(fields) },
    settings: { domain, authority: { url } },
    signal: stop.signal,
  } as unknown as GenerationParts;
  const file = join(folder, 'generation');
  let raised = Promise.withResolvers<void>();
  return {
    file,
    warned,
    stop,
    timers,
    open: () => new Generation(file, parts, () => raised.resolve()),
    serve: (octets: Uint8Array | undefined) => (served = octets),
    asked: () => asked,
    pass: (ms: number) => (time += ms),
    nextRaise: async () => {
      await raised.promise;
      raised = Promise.withResolvers();
    },
    minute: () => [...timers].forEach((fire) => fire()),
  };
}

test('what the authority states counts as soon as it is heard, is kept, and never goes down', async (t) => {
  const { open, serve, nextRaise, minute, file, asked } = await setUp(t);
  const generation = open();
  assert.deepEqual([generation.current, generation.statement], [1, undefined]);
  const [two, three] = [await state(2), await state(3)];
  serve(two);
  generation.start();
  assert.equal(generation.current, 1, 'nobody waits for it');
  await nextRaise();
  assert.deepEqual([generation.current, generation.statement], [2, base64(two)]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  serve(three);
  minute();
  await nextRaise();
  assert.equal(generation.current, 3);
  generation.admit({ epoch: epoch(2), stated: base64(two) });
  serve(two);
  await generation.ask();
  assert.equal(generation.current, 3);
  assert.equal(asked(), 3);
  assert.deepEqual([open().current, open().statement], [3, base64(three)], 'after a restart');
});

test('a file that is damaged, or of another authority, is none', async (t) => {
  const { open, file } = await setUp(t);
  for (const octets of [Buffer.from('nothing'), await state(7, other)]) {
    writeFileSync(file, octets);
    assert.equal(open().current, 1);
  }
  writeFileSync(file, await state(7));
  assert.equal(open().current, 7);
});

test('a manager that leads under a generation is believed with the statement of the authority alone', async (t) => {
  const { open } = await setUp(t);
  const generation = open();
  generation.admit({ epoch: epoch(1), stated: undefined });
  assert.throws(() => generation.admit({ epoch: epoch(2), stated: undefined }), code('M4C_EPOCH'));
  const forged = base64(await state(2, other));
  assert.throws(() => generation.admit({ epoch: epoch(2), stated: forged }), code('M4C_BAD_SIGNATURE'));
  const two = base64(await state(2));
  assert.throws(() => generation.admit({ epoch: epoch(3), stated: two }), code('M4C_EPOCH'));
  generation.admit({ epoch: epoch(2), stated: two });
  assert.equal(generation.current, 2);
  generation.admit({ epoch: epoch(2), stated: forged });
});

test('an authority that is away, or says what is not to be believed, changes nothing, and is one line', async (t) => {
  const { open, serve, asked, warned, minute, nextRaise } = await setUp(t);
  const generation = open();
  serve(await state(2, other));
  generation.start();
  await generation.ask();
  minute();
  await generation.ask();
  assert.deepEqual([generation.current, asked()], [1, 2]);
  assert.deepEqual(
    warned.map((line) => line.code),
    ['M4C_BAD_SIGNATURE'],
  );
  serve(await state(2));
  minute();
  await nextRaise();
  assert.deepEqual([generation.current, asked()], [2, 3]);
});

test('whoever is refused asks at once, but not more than once a second; and nobody asks after the end', async (t) => {
  const { open, asked, pass, stop, timers } = await setUp(t);
  const generation = open();
  generation.start();
  await generation.ask();
  assert.equal(generation.suspect(), undefined);
  pass(999);
  assert.equal(generation.suspect(), undefined);
  pass(1);
  const asking = generation.suspect();
  assert.ok(asking);
  assert.equal(generation.suspect(), undefined);
  await asking;
  assert.equal(asked(), 2);
  const due = [...timers];
  stop.abort();
  assert.equal(timers.size, 0);
  for (const fire of due) fire();
  assert.equal(timers.size, 0);
});
