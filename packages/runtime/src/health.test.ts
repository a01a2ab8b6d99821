// Mutation seen red: (1) always 200; (2) a check not raced against its limit; (3) metrics not registered with the
// registry of the app.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createMetrics, startHealthServer, type HealthCheck } from './index.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };

async function start(context: TestContext, checks: Record<string, HealthCheck>) {
  const metrics = createMetrics('te');
  const options = { host: '127.0.0.1', port: 0, checks: new Map(Object.entries(checks)), metrics, log };
  const server = await startHealthServer(options);
  context.after(() => server.stop());
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init);
  return { metrics, port: server.port, get };
}

test('/healthz names every check; one that fails, throws or is silent makes it 503', {
  timeout: 20_000,
}, async (context) => {
  const { get } = await start(context, {
    good: () => ({ ok: true }),
    bad: async () => ({ ok: false, detail: 'away' }),
    thrown: () => {
      throw new Error('a path, perhaps');
    },
    silent: () => new Promise<never>(() => {}),
  });
  const response = await get('/healthz');
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), {
    ok: false,
    checks: {
      good: { ok: true },
      bad: { ok: false, detail: 'away' },
      thrown: { ok: false, detail: 'the check failed' },
      silent: { ok: false, detail: 'no answer in time' },
    },
  });
});

test('/healthz is 200 if all is well; anything else is 404; a taken port is an error of the catalogue', async (context) => {
  const { get, port, metrics } = await start(context, { good: () => ({ ok: true }) });
  assert.equal((await get('/healthz')).status, 200);
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/healthz', { method: 'POST' })).status, 404);
  const second = startHealthServer({ host: '127.0.0.1', port, checks: new Map(), metrics, log });
  await assert.rejects(second, { code: 'M4C_CONFIG' });
});

test('/metrics gives counters, gauges and histograms of this app only', async (context) => {
  const { get, metrics } = await start(context, {});
  metrics
    .counter({ name: 'commands_total', type: 'counter', help: 'Commands.', labels: { outcome: '' } })
    .add({ outcome: 'ok' }, 2);
  metrics.watch({ name: 'members', type: 'gauge', help: 'Members.' }, () => 5);
  metrics.histogram({ name: 'command_seconds', type: 'histogram', help: 'Time.' }).observe(0.003);
  createMetrics('other').counter({ name: 'other_total', type: 'counter', help: 'Other.' }).add();
  const text = await (await get('/metrics')).text();
  assert.ok(text.includes('mom4c_commands_total{outcome="ok",app="te"} 2'), text);
  assert.ok(text.includes('mom4c_members{app="te"} 5'));
  assert.ok(text.includes('mom4c_command_seconds_bucket{le="0.005",app="te"} 1'));
  assert.ok(!text.includes('other_total'));
});
