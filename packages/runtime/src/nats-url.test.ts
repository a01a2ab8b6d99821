// Mutation seen red: the list is not looked through for a server that stands in it twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { loadConfig, natsUrlSchema } from './index.ts';

const schema = z.strictObject({ nats: z.strictObject({ url: natsUrlSchema }) });
const read = (text: string): unknown => loadConfig(schema, { env: { MOM4C_NATS_URL: text } }).nats.url;
const [one, other] = ['tls://10.0.0.1:4222', 'tls://[::1]:4222'];

test('a NATS server is one URL, or a list of different ones', () => {
  assert.equal(read(one), one);
  assert.deepEqual(read(JSON.stringify([one, other])), [one, other]);
  for (const wrong of [[], [one, one], [one, 'nats://10.0.0.2:4222'], [one, 4222], Array(6).fill(other)])
    assert.throws(() => read(JSON.stringify(wrong)), { code: 'M4C_CONFIG' }, JSON.stringify(wrong));
  assert.throws(() => read('nats://10.0.0.1:4222'), { code: 'M4C_CONFIG' });
});
