// Mutation seen red: an order of a batch with a configuration of its own accepted; `batch` accepted in a batch; an empty
// line counted as an order; no bound on standard input.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { readBatch, readInput, readOrder } from './arguments.ts';

const refusal = (pattern: RegExp) => (thrown: unknown) =>
  thrown instanceof Mom4cError && thrown.code === 'M4C_USAGE' && pattern.test(thrown.detail ?? '');

test('a verb has the options that it needs, and no others', () => {
  const order = readOrder(['token', '--config', 'ca.yaml', '--name', 'te1', '--role', 'te']);
  assert.equal(order.verb, 'token');
  assert.deepEqual({ ...order.values }, { config: 'ca.yaml', name: 'te1', role: 'te' });
  const wrong: [string[], RegExp][] = [
    [['token', '--config', 'ca.yaml', '--name', 'te1'], /--role is missing/],
    [['token', '--name', 'te1', '--role', 'te'], /--config is missing/],
    [['init', '--config', 'ca.yaml', '--name', 'te1'], /--name has no meaning there/],
    [['init', '--config', 'ca.yaml', '--nonsense'], /nonsense/],
  ];
  for (const [args, pattern] of wrong) assert.throws(() => readOrder(args), refusal(pattern));
  assert.throws(() => readOrder(['init', 'again', '--config', 'ca.yaml']), refusal(/^$/));
  assert.throws(() => readOrder(['constructor', '--config', 'ca.yaml']), refusal(/^$/));
});

test('a batch is a verb a line, all under one configuration', () => {
  const text = '["init"]\n\n["token","--name","te 1","--role","te"]\n';
  const orders = readBatch(text, 'ca.yaml').map(({ verb, values }) => [verb, { ...values }]);
  assert.deepEqual(orders, [
    ['init', { config: 'ca.yaml' }],
    ['token', { config: 'ca.yaml', name: 'te 1', role: 'te' }],
  ]);
  assert.deepEqual(readBatch('', 'ca.yaml'), []);
});

test('a line that cannot be obeyed is refused with its number, before anything is done', () => {
  const wrong: [string, RegExp][] = [
    ['token --name te1', /line 2: not JSON/],
    ['{"verb":"init"}', /line 2: a list of texts/],
    ['["token", 1]', /line 2: a list of texts/],
    ['["token","--name","te1"]', /line 2: --role is missing/],
    ['["init","--config","other.yaml"]', /line 2: --config is that of the batch/],
    ['["init","--config=other.yaml"]', /line 2: --config is that of the batch/],
    ['["nonsense"]', /line 2: no such verb/],
    ['["serve"]', /line 2: serve stands alone/],
    ['["batch"]', /line 2: batch stands alone/],
  ];
  for (const [line, pattern] of wrong)
    assert.throws(() => readBatch(`["init"]\n${line}\n`, 'ca.yaml'), refusal(pattern), line);
});

test('standard input has a bound', async () => {
  async function* parts(count: number) {
    for (let part = 0; part < count; part++) yield Buffer.alloc(65_536, ' ');
  }
  assert.equal((await readInput(parts(16))).length, 1_048_576);
  await assert.rejects(readInput(parts(17)), refusal(/more than 1048576 octets/));
});
