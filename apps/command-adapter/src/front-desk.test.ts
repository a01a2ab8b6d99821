// Mutations seen red, one each: the host of the sender not compared; `leave` not called after a failure; no limit at
// once; no limit of the rate; one share for everybody; refusals not reported; an error that is an element not reported.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { xml } from '@mom4c/xmpp';
import type { RequestHandler } from '@mom4c/xmpp';
import { BURST, MAX_AT_ONCE, PER_SECOND, frontDesk } from './front-desk.ts';

const ANN = 'ann@people.alpha.test/phone';

function setUp() {
  let now = 0;
  let handler: RequestHandler | undefined;
  const refusals: string[] = [];
  const host = {
    domain: 'commands.alpha.test',
    onRequest: (_kind: unknown, given: RequestHandler) => (handler = given),
  };
  const desk = frontDesk(host, 'people.alpha.test', { monotonic: () => now }, ({ code }, from) =>
    refusals.push(`${code} ${from}`),
  );
  const waiting: (() => void)[] = [];
  desk.onRequest({ name: 'command', xmlns: 'x' }, async ({ from }) => {
    if (from.endsWith('/fails')) throw new Mom4cError('M4C_TIMEOUT');
    if (from.endsWith('/waits')) await new Promise<void>((resolve) => waiting.push(resolve));
    if (from.endsWith('/steals')) return xml('error', {}, xml('bad-request'), xml('bad-sessionid'));
    return xml('done');
  });
  const ask = async (from: string): Promise<string> => {
    const child = xml('command', { xmlns: 'x' });
    try {
      return (await handler!({ from, type: 'set', child, element: xml('iq', {}, child) }))!.name;
    } catch (thrown) {
      return (thrown as Mom4cError).code;
    }
  };
  return { ask, refusals, waiting, advance: (ms: number) => (now += ms) };
}

test('people of the host are served, nobody else, however alike', async () => {
  const { ask, refusals } = setUp();
  assert.equal(await ask(ANN), 'done');
  const others = [
    'te1@alpha.test/agent',
    'ann@alpha.test/people.alpha.test',
    'ann@xpeople.alpha.test/x',
    'ann@people.alpha.test.evil.test/x',
    'people.alpha.test',
    'alpha.test',
  ];
  for (const from of others) assert.equal(await ask(from), 'M4C_FORBIDDEN', from);
  assert.deepEqual(
    refusals,
    others.map((from) => `M4C_FORBIDDEN ${from}`),
  );
});

test('who asks too much at once, or too often, waits, and nobody else does', async () => {
  const { ask, waiting, advance } = setUp();
  const slow = Array.from({ length: MAX_AT_ONCE }, () => ask('ann@people.alpha.test/waits'));
  assert.equal(await ask(ANN), 'M4C_BUSY');
  assert.equal(await ask('bob@people.alpha.test/desk'), 'done');
  for (const finish of waiting) finish();
  await Promise.all(slow);
  assert.equal(await ask(ANN), 'done');
  for (let count = 0; count < BURST; count++) await ask(ANN);
  assert.equal(await ask(ANN), 'M4C_BUSY');
  assert.equal(await ask('bob@people.alpha.test/desk'), 'done');
  advance(1_000);
  const answers = [];
  for (let count = 0; count <= PER_SECOND; count++) answers.push(await ask(ANN));
  assert.deepEqual(answers, [...Array.from({ length: PER_SECOND }, () => 'done'), 'M4C_BUSY']);
});

test('what the protocol refuses is told as well', async () => {
  const { ask, refusals } = setUp();
  assert.equal(await ask('ann@people.alpha.test/steals'), 'error');
  assert.deepEqual(refusals, ['M4C_UNEXPECTED ann@people.alpha.test/steals']);
});

test('what fails gives its place back', async () => {
  const { ask } = setUp();
  for (let count = 0; count <= MAX_AT_ONCE; count++)
    assert.equal(await ask('ann@people.alpha.test/fails'), 'M4C_TIMEOUT');
  assert.equal(await ask(ANN), 'done');
});
