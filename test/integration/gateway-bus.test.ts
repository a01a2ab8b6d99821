/**
 * What a federation gateway may do on the NATS server of its domain: be asked by managers, and nothing else.
 *
 * Mutation seen red: a gateway without permissions; `agent.>` among its subscriptions; no allow_responses; two of them for
 * a request; a subject without the role.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { callAgent, connectBus, serveAgent } from '@mom4c/bus';
import type { Bus } from '@mom4c/bus';
import { startNatsServer } from '@mom4c/lab';
import type { RunningServer } from '@mom4c/lab';
import { smallAuthority } from '../support/small-authority.ts';
import type { Issued } from '../support/small-authority.ts';
import { silent } from './nats-domain.ts';
import { connectRaw } from './raw-nats.ts';
import type { RawNats } from './raw-nats.ts';

const DOMAIN = 'alpha.test';

let folder: string;
let nats: RunningServer;
let url: string;
let gateway: Issued;
let manager: Issued;
let managerAsGateway: Issued;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-gateway-bus-'));
  const authority = await smallAuthority(folder, DOMAIN);
  const { files: tls } = await authority.issue('nats', 'server');
  gateway = await authority.issue('gw1', 'gateway');
  manager = await authority.issue('cm1', 'cm');
  managerAsGateway = await authority.issue('gw1', 'te');
  nats = await startNatsServer({
    folder: join(folder, 'nats'),
    domain: DOMAIN,
    tls,
    managers: ['cm1'],
    gateways: ['gw1'],
  });
  url = `tls://127.0.0.1:${nats.port}`;
});
after(async () => {
  for (const close of closing) await close();
  await nats?.stop();
  rmSync(folder, { recursive: true });
});

/** Whatever is open is closed in the end, however its test ends. */
const closing: (() => unknown)[] = [];

async function open(tls: Issued): Promise<Bus> {
  const bus = await connectBus({ url, name: 'test', tls, log: silent });
  closing.push(() => bus.close());
  return bus;
}

async function openRaw(tls: Issued): Promise<RawNats> {
  const raw = await connectRaw(url, tls);
  closing.push(() => raw.close());
  return raw;
}

test('a manager finds the agent of a gateway, and asks it', async () => {
  const [serving, asking] = await Promise.all([open(gateway), open(manager)]);
  const endpoints = { status: async (args: unknown) => ({ asked: args }) };
  const agent = { name: 'federation', version: '1.0.0', description: 'test', endpoints };
  const served = await serveAgent(serving, agent, silent);
  const call = {
    agent: 'federation',
    endpoint: 'status',
    timeoutMs: 5_000,
    parse: (value: unknown) => value,
  };
  assert.deepEqual(await callAgent(asking, { ...call, args: 'it' }), { asked: 'it' });
  // More than once, each answered.
  assert.deepEqual(await callAgent(asking, { ...call, args: 'again' }), { asked: 'again' });
  await served.stop();
});

test('a gateway hears nothing but what is for it', async () => {
  const raw = await openRaw(gateway);
  await raw.subscribe('agent.federation.*', () => {});
  await raw.subscribe('$SRV.PING', () => {});
  assert.deepEqual(raw.errors, []);
  for (const subject of ['>', 'agent.>', 'agent.sensors.*', '_INBOX.>', '$KV.>', '$SRV.>', '$JS.API.>'])
    await raw.subscribe(subject, () => assert.fail(subject));
  assert.equal(raw.errors.length, 7);
  for (const error of raw.errors) assert.match(error, /Permissions Violation for Subscription/);
});

test('a gateway says nothing unasked: neither to an agent nor to journal and lease', async () => {
  const [raw, hearing] = await Promise.all([openRaw(gateway), openRaw(manager)]);
  const heard: string[] = [];
  await hearing.subscribe('>', ({ subject }) => heard.push(subject));
  const subjects = ['agent.federation.status', '$JS.API.STREAM.LIST', '$KV.lease.holder', 'journal.x', 'x'];
  for (const subject of subjects) raw.publish(subject, '{}');
  await raw.flush();
  await hearing.flush();
  assert.deepEqual(heard, []);
  assert.equal(raw.errors.length, subjects.length);
  for (const error of raw.errors) assert.match(error, /Permissions Violation for Publish/);
});

test('a gateway answers each request once', async () => {
  const [raw, asking] = await Promise.all([openRaw(gateway), openRaw(manager)]);
  const answers: string[] = [];
  await asking.subscribe('_INBOX.mine', ({ payload }) => answers.push(payload));
  const asked = new Promise<string>((resolve) => {
    void raw.subscribe('agent.federation.*', ({ reply }) => resolve(reply!));
  });
  await raw.flush();
  asking.publish('agent.federation.status', '', '_INBOX.mine');
  const reply = await asked;
  raw.publish(reply, 'first');
  raw.publish(reply, 'second');
  await raw.flush();
  await asking.flush();
  assert.deepEqual(answers, ['first']);
});

test('the name of a gateway without its role lets nobody in', async () => {
  const none = await openRaw(managerAsGateway).catch((error: unknown) => error);
  assert.ok(none instanceof Error || /Authorization/.test((none as { errors: string[] }).errors.join()));
});
